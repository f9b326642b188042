"""The bytes of a key file: JSON header, checksum and body.

Parses strictly and writes one canonical form. Derives no keys, opens no seal and
touches no disk; `keyfile.py` does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, unique
from typing import Any, Final

from openehc.crypto.module.soft import ModuleKeys
from openehc.crypto.node_keys import NodeKeys
from openehc.crypto.sm3 import sm3

FORMAT: Final = "openehc-keys"
FORMAT_VERSION: Final = 2
"""Version 2 knows the filling date and several blind index keys; version 1 is still read."""
FIRST_FORMAT: Final = 1
SALT_SIZE: Final = 16
SCRYPT_N: Final = 2**15
SCRYPT_R: Final = 8
SCRYPT_P: Final = 1
"""32 MiB and about 0.1 s for each guess at a passphrase."""


class KeyFileError(Exception):
    """A key file cannot be used; the text says what to do and holds no key."""


class KeyFileDamaged(KeyFileError):
    """The file does not hold what was once written."""


@unique
class KeyPurpose(Enum):
    """What the keys, or the node, are for (材料二 2.5 knows debugging operation)."""

    DEMO = "demo"
    DEBUGGING = "debugging"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Header:
    """The readable part: purpose, two times (aware), the salt of the passphrase, the format.

    `created` is when the node got its keys, `written` when this very file was made.
    """

    purpose: KeyPurpose
    created: datetime
    salt: bytes
    written: datetime | None = None
    version: int = FORMAT_VERSION

    def fields(self) -> dict[str, Any]:
        """As JSON values."""
        written = (self.written or self.created).isoformat()
        return {
            "format": FORMAT,
            "version": self.version,
            "purpose": self.purpose.value,
            "created": self.created.isoformat(),
            **({} if self.version == FIRST_FORMAT else {"written": written}),
            "kdf": {
                "name": "scrypt",
                "n": SCRYPT_N,
                "r": SCRYPT_R,
                "p": SCRYPT_P,
                "salt": self.salt.hex(),
            },
        }

    def bound_bytes(self) -> bytes:
        """What the seal of the body binds: a changed header does not open."""
        return _canonical(self.fields())


def write_file(header: Header, sealed: bytes) -> bytes:
    """The whole file, UTF-8 JSON."""
    fields = {**header.fields(), "body": sealed.hex()}
    fields["checksum"] = _checksum(fields)
    return (json.dumps(fields, indent=1) + "\n").encode()


def parse_file(content: bytes, *, where: str) -> tuple[Header, bytes]:
    """Header and sealed body; raises `KeyFileDamaged`. `where` names the file in the text."""
    try:
        fields = json.loads(content)
        checksum = fields.pop("checksum")
        created = datetime.fromisoformat(fields["created"])
        header = Header(
            purpose=KeyPurpose(fields["purpose"]),
            created=created,
            salt=bytes.fromhex(fields["kdf"]["salt"]),
            written=datetime.fromisoformat(fields["written"]) if "written" in fields else created,
            version=_known_version(fields["version"]),
        )
        sealed = bytes.fromhex(fields["body"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(where) from None
    if checksum != _checksum(fields) or fields != {**header.fields(), "body": sealed.hex()}:
        raise _damaged(where)
    return header, sealed


def write_body(keys: NodeKeys) -> bytes:
    """The keys as JSON bytes in the present format, to be sealed."""
    fields = {
        "safe_key": keys.module.safe_key.hex(),
        "protect_key": keys.module.protect_key.hex(),
        "sealing": _hexes(keys.sealing),
        "sealing_current": keys.sealing_current,
        "blind_index": _hexes(keys.blind_indexes),
        "blind_index_current": keys.blind_index_version,
        "local": {name: secret.hex() for name, secret in keys.local.items()},
        "filled_at": keys.filled_at.isoformat() if keys.filled_at else None,
    }
    return _canonical(fields)


def read_body(body: bytes, *, header: Header, where: str) -> NodeKeys:
    """The keys in an opened body; raises `KeyFileDamaged`.

    A file that tells no filling date was filled when it was created.
    """
    try:
        fields = json.loads(body)
        keys = _first_keys(fields) if header.version == FIRST_FORMAT else _keys(fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(where) from None
    return replace(keys, filled_at=keys.filled_at or header.created)


def _keys(fields: dict[str, Any]) -> NodeKeys:
    indexes, current = _by_version(fields["blind_index"]), fields["blind_index_current"]
    filled_at = fields["filled_at"]
    return replace(
        _first_keys({**fields, "blind_index": indexes.pop(current).hex()}),
        blind_index_version=current,
        other_indexes=indexes,
        filled_at=datetime.fromisoformat(filled_at) if filled_at else None,
    )


def _first_keys(fields: dict[str, Any]) -> NodeKeys:
    """The keys as format 1 held them: one blind index key, without a version."""
    return NodeKeys(
        module=ModuleKeys(
            safe_key=bytes.fromhex(fields["safe_key"]),
            protect_key=bytes.fromhex(fields["protect_key"]),
        ),
        sealing=_by_version(fields["sealing"]),
        sealing_current=fields["sealing_current"],
        blind_index=bytes.fromhex(fields["blind_index"]),
        local={name: bytes.fromhex(secret) for name, secret in fields["local"].items()},
    )


def _known_version(version: object) -> int:
    if version not in {FIRST_FORMAT, FORMAT_VERSION}:
        raise ValueError("a format of another program")
    return FIRST_FORMAT if version == FIRST_FORMAT else FORMAT_VERSION


def _hexes(keys: Mapping[int, bytes]) -> dict[str, str]:
    return {str(version): key.hex() for version, key in keys.items()}


def _by_version(fields: dict[str, str]) -> dict[int, bytes]:
    return {int(version): bytes.fromhex(key) for version, key in fields.items()}


def _canonical(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _checksum(fields: dict[str, Any]) -> str:
    return sm3(_canonical(fields)).hex()


def _damaged(where: str) -> KeyFileDamaged:
    return KeyFileDamaged(
        f"the key file {where} is damaged or of another version: restore it from the backup"
    )
