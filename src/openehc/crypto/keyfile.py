"""The sealed key file of a node: all long-lived keys under one passphrase.

    KeyFileError
    ├── KeyFileMissing             there is no file
    ├── KeyFileExists              creating would overwrite one
    ├── KeyFileDamaged             not the bytes that were written
    ├── WrongPassphrase            the seal does not open
    ├── PassphraseTooShort         under 8 characters
    └── PublicKeysInProduction     the public test keys outside debugging

JSON: a readable header (purpose, creation time, key derivation) and an SM4-GCM
sealed body; the header is bound to the body, and a checksum tells damage from a
wrong passphrase. Where the passphrase comes from (a file or a prompt, never an
environment variable) is the caller's business. Changes no existing file:
`keyfile_changing.py` does.
"""

import os
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from openehc.crypto.keyfile_format import (
    SALT_SIZE,
    SCRYPT_N,
    SCRYPT_P,
    SCRYPT_R,
    Header,
    KeyFileDamaged,
    KeyFileError,
    KeyPurpose,
    parse_file,
    read_body,
    write_body,
    write_file,
)
from openehc.crypto.module.soft import is_public_test_key
from openehc.crypto.node_keys import NodeKeys
from openehc.crypto.sm4 import KEY_SIZE, NONCE_SIZE, SealBroken, gcm_open, gcm_seal
from openehc.crypto.wiping import leave_no_core_files
from openehc.kernel.ids import Entropy

__all__ = [
    "Header",
    "KeyFileDamaged",
    "KeyFileError",
    "KeyFileExists",
    "KeyFileMissing",
    "KeyPurpose",
    "NodeKeys",
    "PassphraseTooShort",
    "PublicKeysInProduction",
    "WrongPassphrase",
    "create_key_file",
    "open_key_file",
    "read_header",
    "refuse_public_keys_in_production",
    "refuse_short_passphrase",
    "sealed_content",
    "sync_folder",
    "write_durably",
]

SHORTEST_PASSPHRASE: Final = 8
_OWNER_ONLY: Final = 0o600


class KeyFileMissing(KeyFileError):
    """There is no key file at the place."""


class KeyFileExists(KeyFileError):
    """A file is there already; keys are never overwritten."""


class WrongPassphrase(KeyFileError):
    """The file is whole, and the passphrase does not open it."""


class PassphraseTooShort(KeyFileError):
    """The passphrase for a new file has too few characters."""


class PublicKeysInProduction(KeyFileError):
    """A production node was given the public test keys."""


def create_key_file(
    path: Path, passphrase: str, keys: NodeKeys, *, purpose: KeyPurpose, now: datetime,
    entropy: Entropy,
) -> None:  # fmt: skip
    """Write `keys` to a new file of mode 0600, whole or not at all.

    Raises `KeyFileExists`, `PassphraseTooShort`, `PublicKeysInProduction`; OSError
    when the folder cannot be written.
    """
    leave_no_core_files()
    refuse_short_passphrase(passphrase)
    refuse_public_keys_in_production(keys, purpose)
    header = Header(purpose=purpose, created=now, salt=entropy.bytes(SALT_SIZE))
    content = sealed_content(header, passphrase, keys, nonce=entropy.bytes(NONCE_SIZE))
    temporary = path.with_name(f".{path.name}.{entropy.bytes(8).hex()}")
    _place(content, temporary=temporary, path=path)


def sealed_content(header: Header, passphrase: str, keys: NodeKeys, *, nonce: bytes) -> bytes:
    """The bytes of a key file; the salt of `header` and the nonce are used for nothing else."""
    file_key = _file_key(passphrase, header.salt)
    body = write_body(keys)
    return write_file(header, gcm_seal(file_key, body, aad=header.bound_bytes(), nonce=nonce))


def open_key_file(path: Path, passphrase: str) -> NodeKeys:
    """The keys; raises `KeyFileMissing`, `KeyFileDamaged`, `WrongPassphrase` or OSError.

    `filled_at` is always known: a file that does not tell it was filled when it was created.
    Whoever holds keys writes no core files from then on.
    """
    leave_no_core_files()
    header, sealed = parse_file(_read(path), where=str(path))
    try:
        body = gcm_open(_file_key(passphrase, header.salt), sealed, aad=header.bound_bytes())
    except SealBroken:
        raise WrongPassphrase(
            f"the passphrase does not open {path}: check which passphrase belongs to it"
            " (or somebody edited the file: then restore it from the backup)"
        ) from None
    return read_body(body, header=header, where=str(path))


def read_header(path: Path) -> Header:
    """Purpose and creation time without the passphrase; only `open_key_file` proves them.

    Raises `KeyFileMissing` or `KeyFileDamaged`.
    """
    return parse_file(_read(path), where=str(path))[0]


def refuse_short_passphrase(passphrase: str) -> None:
    """Raise `PassphraseTooShort` for a passphrase that no new file may get."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise PassphraseTooShort(
            f"choose a passphrase of at least {SHORTEST_PASSPHRASE} characters"
        )


def refuse_public_keys_in_production(keys: NodeKeys, mode: KeyPurpose) -> None:
    """Raise `PublicKeysInProduction` when a production node holds a public test key."""
    if mode is KeyPurpose.PRODUCTION and is_public_test_key(keys.module):
        raise PublicKeysInProduction(
            "these are the public test keys, which everybody knows: fill in the keys issued"
            " to this node, or run the node in debugging mode"
        )


def _file_key(passphrase: str, salt: bytes) -> bytes:
    # NFC: keyboards and systems write the same characters in different code points
    secret = unicodedata.normalize("NFC", passphrase).encode()
    return Scrypt(salt=salt, length=KEY_SIZE, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(secret)


def _read(path: Path) -> bytes:
    """The bytes; a file that was replaced meanwhile is being overwritten, so it is read anew."""
    try:
        while True:
            with path.open("rb") as file:
                content, number = file.read(), os.fstat(file.fileno()).st_ino
            if path.stat().st_ino == number:
                return content
    except FileNotFoundError:
        raise KeyFileMissing(
            f"there is no key file at {path}: correct the path, restore the file from the"
            " backup, or create one for a new node"
        ) from None


def _place(content: bytes, *, temporary: Path, path: Path) -> None:
    """Write beside the place, make it durable, then give it its name."""
    write_durably(temporary, content)
    try:
        # a hard link, for a plain rename would silently replace an existing file
        os.link(temporary, path)
    except FileExistsError:
        raise KeyFileExists(
            f"{path} exists: keys are never overwritten; move the old file away first"
        ) from None
    finally:
        temporary.unlink()
    sync_folder(path.parent)


def write_durably(path: Path, content: bytes) -> None:
    """A new file of mode 0600 that outlives a power cut; nothing is left when it fails."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        path.unlink()
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` outlive a power cut."""
    if os.name != "posix":  # elsewhere a folder cannot be opened, nor need be
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
