"""Layouts of mindex_id, EHCID and VALID, as pure functions.

The layouts reproduce the published sample of the technical standard bit for bit;
`vectors/identifiers.json` holds it. No keys live here, nothing is encrypted here
but by the cipher that a caller passes in.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from openehc.crypto.module.port import Identity, IdentityNotPlain, IdentityTooLong, UnfitIdentity
from openehc.crypto.sm3 import sm3_upper
from openehc.crypto.sm4 import EcbCipher
from openehc.kernel.clock import CHINA, wire_time

IDENTITY_SIZE: Final = 32
"""Bytes of id_type and id_no inside an EHCID."""
ID_TYPE_SIZE: Final = 2
MINDEX_LENGTH: Final = 64
VALID_LENGTH: Final = 32
_TIME_SIZE: Final = 7
_VALID_TAIL: Final = bytes(9)
_ALL_ONES: Final = (1 << 64) - 1
_FIRST_YEAR: Final = 1000
_CHINA_OFFSET: Final = timedelta(hours=8)
_LARGEST_PAIR: Final = 99
_BCD: Final = bytes(
    10 * (pair >> 4) + (pair & 15) if pair >> 4 < 10 > pair & 15 else 0xFF  # noqa: PLR2004
    for pair in range(256)
)
"""What two digits in one byte stand for; 255 for a byte that holds none."""


def identity_bytes(id_type: str, id_no: str) -> bytes:
    """ASCII of id_type and id_no, 3 to 32 bytes; raises `UnfitIdentity`.

    Only what `split_identity` would read back is let through: two characters of
    type, then printable characters; longer or other texts have no EHCID.
    """
    text = id_type + id_no
    if len(text) > IDENTITY_SIZE:
        raise IdentityTooLong(
            f"id_type and id_no have {len(text)} characters; {IDENTITY_SIZE} is the limit"
        )
    if not _is_plain(id_type, id_no):
        raise IdentityNotPlain(
            "id_type takes two ASCII letters or digits, id_no printable ASCII characters"
        )
    return text.encode("ascii")


def _is_plain(id_type: str, id_no: str) -> bool:
    return (
        len(id_type) == ID_TYPE_SIZE
        and id_type.isascii()
        and id_type.isalnum()
        and bool(id_no)
        and id_no.isascii()
        and id_no.isprintable()
    )


def mindex_id_of(id_type: str, id_no: str, name: str) -> str:
    """Upper hex of SM3 over UTF-8(id_type + id_no + name), 64 characters.

    The name is hashed as given: normalising is the caller's. Raises `UnfitIdentity`.
    """
    return sm3_upper(mindex_plain(id_type, id_no, name))


def mindex_plain(id_type: str, id_no: str, name: str) -> bytes:
    """UTF-8(id_type + id_no + name), what a mindex_id hashes; raises `UnfitIdentity`."""
    try:
        return identity_bytes(id_type, id_no) + name.encode()
    except UnicodeEncodeError:
        raise IdentityNotPlain("the name is not valid Unicode text") from None


def mindex_bytes(mindex_id: str) -> bytes:
    """The 32 bytes of a mindex_id in hex of either case; raises `UnfitIdentity`."""
    try:
        raw = bytes.fromhex(mindex_id)
    except ValueError:
        raw = b""
    if len(mindex_id) != MINDEX_LENGTH or len(raw) != MINDEX_LENGTH // 2:
        raise UnfitIdentity(f"a mindex_id has {MINDEX_LENGTH} hex characters")
    return raw


def factor_of(mindex: bytes) -> int:
    """XOR of the four 8-byte groups of a 32-byte mindex_id, as a 64-bit number."""
    number = int.from_bytes(mindex, "big")
    number ^= number >> 128
    return (number ^ (number >> 64)) & _ALL_ONES


def derivation_of(mindex: bytes) -> bytes:
    """The factor of a 32-byte mindex_id followed by its complement, 16 bytes."""
    factor = factor_of(mindex)
    return ((factor << 64) | (factor ^ _ALL_ONES)).to_bytes(16, "big")


def user_key_of(mindex: bytes, *, safe_cipher: EcbCipher) -> bytes:
    """The resident's key: factor and its complement, encrypted under the safe key; 16 bytes."""
    return safe_cipher.encrypt(derivation_of(mindex))


def ehcid_plain(id_type: str, id_no: str) -> bytes:
    """id_type and id_no in ASCII, padded with zeros to 32 bytes; raises `UnfitIdentity`."""
    return identity_bytes(id_type, id_no).ljust(IDENTITY_SIZE, b"\0")


def split_identity(plain: bytes) -> Identity | None:
    """The id_type and id_no in a decrypted EHCID; None when it cannot be one."""
    body = plain.rstrip(b"\0")
    if len(plain) != IDENTITY_SIZE or not body.isascii():
        return None
    text = body.decode("ascii")
    id_type, id_no = text[:ID_TYPE_SIZE], text[ID_TYPE_SIZE:]
    return Identity(id_type=id_type, id_no=id_no) if _is_plain(id_type, id_no) else None


def valid_plain(expires: datetime) -> bytes:
    """Expiry in +08:00 as seven BCD bytes and nine zeros; raises ValueError.

    `expires` is aware and of the years 1000 to 9999; parts of a second are dropped.
    """
    if expires.tzinfo is None:
        raise ValueError("an expiry time needs a time zone")
    try:
        local = expires.astimezone(CHINA)
    except OverflowError:
        local = None
    if local is None or local.year < _FIRST_YEAR:
        raise ValueError("an expiry time lies in the years 1000 to 9999")
    return bytes.fromhex(wire_time(local)) + _VALID_TAIL


def valid_bytes(valid: str) -> bytes | None:
    """The 16 bytes of a VALID in hex of either case; None when it is malformed."""
    try:
        raw = bytes.fromhex(valid)
    except ValueError:
        return None
    # the reader of hex skips blanks, hence both lengths
    return raw if len(valid) == VALID_LENGTH == 2 * len(raw) else None


def read_valid_plain(plain: bytes) -> datetime | None:
    """The expiry in a decrypted VALID, in UTC; None when it cannot be one."""
    if plain[_TIME_SIZE:] != _VALID_TAIL:
        return None
    century, year, month, day, hour, minute, second = plain[:_TIME_SIZE].translate(_BCD)
    if year > _LARGEST_PAIR:  # no digits; anywhere else 255 is no date
        return None
    try:
        local = datetime(100 * century + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return local - _CHINA_OFFSET if local.year >= _FIRST_YEAR else None
