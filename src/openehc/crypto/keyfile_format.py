"""The bytes of a key file: JSON header, checksum and body.

Parses strictly and writes one canonical form. Derives no keys, opens no seal and
touches no disk; `keyfile.py` does.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique
from typing import Any, Final

from openehc.crypto.module.soft import ModuleKeys
from openehc.crypto.node_keys import NodeKeys
from openehc.crypto.sm3 import sm3

FORMAT: Final = "openehc-keys"
FORMAT_VERSION: Final = 1
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
    """The readable part: purpose, creation time (aware) and the salt of the passphrase."""

    purpose: KeyPurpose
    created: datetime
    salt: bytes

    def fields(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "purpose": self.purpose.value,
            "created": self.created.isoformat(),
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
        header = Header(
            purpose=KeyPurpose(fields["purpose"]),
            created=datetime.fromisoformat(fields["created"]),
            salt=bytes.fromhex(fields["kdf"]["salt"]),
        )
        sealed = bytes.fromhex(fields["body"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(where) from None
    if checksum != _checksum(fields) or fields != {**header.fields(), "body": sealed.hex()}:
        raise _damaged(where)
    return header, sealed


def write_body(keys: NodeKeys) -> bytes:
    """The keys as JSON bytes, to be sealed."""
    fields = {
        "safe_key": keys.module.safe_key.hex(),
        "protect_key": keys.module.protect_key.hex(),
        "sealing": {str(version): key.hex() for version, key in keys.sealing.items()},
        "sealing_current": keys.sealing_current,
        "blind_index": keys.blind_index.hex(),
        "local": {name: secret.hex() for name, secret in keys.local.items()},
    }
    return _canonical(fields)


def read_body(body: bytes, *, where: str) -> NodeKeys:
    """The keys in an opened body; raises `KeyFileDamaged`."""
    try:
        fields = json.loads(body)
        return NodeKeys(
            module=ModuleKeys(
                safe_key=bytes.fromhex(fields["safe_key"]),
                protect_key=bytes.fromhex(fields["protect_key"]),
            ),
            sealing={
                int(version): bytes.fromhex(key) for version, key in fields["sealing"].items()
            },
            sealing_current=fields["sealing_current"],
            blind_index=bytes.fromhex(fields["blind_index"]),
            local={name: bytes.fromhex(secret) for name, secret in fields["local"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(where) from None


def _canonical(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _checksum(fields: dict[str, Any]) -> str:
    return sm3(_canonical(fields)).hex()


def _damaged(where: str) -> KeyFileDamaged:
    return KeyFileDamaged(
        f"the key file {where} is damaged or of another version: restore it from the backup"
    )
