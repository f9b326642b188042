"""The byte forms of SM2 keys, signatures and ciphertexts, and the way between them.

    Sm2Error
    ├── KeyMalformed          not an SM2 key, or one off the curve
    ├── WrongKeyPassphrase    the encrypted private key does not open
    ├── SignatureWrong        the signature does not belong to the data and the key
    │   └── SignedWithoutId   it does, but was made without the fixed id
    └── CiphertextBroken      truncated, changed, or for another key

Keys: SubjectPublicKeyInfo and PKCS#8 (GM/T 0010 8, RFC 5208), signatures and
ciphertexts: GM/T 0009 7. Everything is read strictly: one value has one DER form.
Computes no cryptography; encrypted keys are opened in `sm2_passphrase.py`.
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Final

SCALAR_SIZE: Final = 32
POINT_SIZE: Final = 65
HASH_SIZE: Final = 32
_COORDINATE: Final = 32
_UNCOMPRESSED: Final = 4

# AlgorithmIdentifier: id-ecPublicKey 1.2.840.10045.2.1 with the curve 1.2.156.10197.1.301
_ALGORITHM: Final = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
_SPKI_HEAD: Final = bytes.fromhex("3059") + _ALGORITHM + bytes.fromhex("034200")
_PKCS8_HEAD: Final = (
    bytes.fromhex("308187020100") + _ALGORITHM + bytes.fromhex("046d306b0201010420")
)
_PKCS8_MIDDLE: Final = bytes.fromhex("a144034200")
# the same without the public key, as some devices export it
_BARE_PKCS8_HEAD: Final = (
    bytes.fromhex("3041020100") + _ALGORITHM + bytes.fromhex("0427302502010104" + "20")
)

_INTEGER: Final = 0x02
_OCTET_STRING: Final = 0x04
SEQUENCE: Final = 0x30
_LINE: Final = 64
_SHORT_FORM: Final = 0x80


class Sm2Error(ValueError):
    """An SM2 key, signature or ciphertext that cannot be used."""


class KeyMalformed(Sm2Error):
    """The bytes are not an SM2 key of the expected form, or the point is off the curve."""


class WrongKeyPassphrase(Sm2Error):
    """The passphrase does not open the encrypted private key."""


class SignatureWrong(Sm2Error):
    """The signature does not belong to these data and this key."""


class SignedWithoutId(SignatureWrong):
    """The right key signed the right data, but without the id 1234567812345678 (GM/T 0009 10)."""


class CiphertextBroken(Sm2Error):
    """The ciphertext is truncated or changed, or was made for another key."""


# ---------------------------------------------------------------- DER


def der(tag: int, *parts: bytes) -> bytes:
    """One DER value of a one-byte tag around the parts."""
    body = b"".join(parts)
    size = len(body)
    if size < _SHORT_FORM:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _SHORT_FORM | len(length))) + length + body


def signed_part(signed: bytes) -> bytes:
    """The first member of a DER SEQUENCE, octet by octet as it was signed; raises ValueError.

    For certificates and their like: a library that reads and writes again may tidy up.
    """
    body, after = split_der(SEQUENCE, signed)
    _, rest = split_der(SEQUENCE, body)
    if after:
        raise ValueError("something follows")
    return body[: len(body) - len(rest)]


def _der_integer(octets: bytes) -> bytes:
    """A DER INTEGER of an unsigned big-endian number."""
    shortest = octets.lstrip(b"\0") or b"\0"
    return der(_INTEGER, b"\0" if shortest[0] & 0x80 else b"", shortest)


def split_der(tag: int, data: bytes) -> tuple[bytes, bytes]:
    """Body of the first DER value, which has this tag, and what follows; raises ValueError."""
    if len(data) < 2 or data[0] != tag:  # noqa: PLR2004 (tag and length)
        raise ValueError("another value was expected")
    size, head = data[1], 2
    if size >= _SHORT_FORM:
        head += size - _SHORT_FORM
        size = int.from_bytes(data[2:head], "big")
    body = data[head : head + size]
    if len(body) != size or data[: head + size] != der(tag, body):
        raise ValueError("the value is cut, or not in its one DER form")
    return body, data[head + size :]


def _split_number(data: bytes) -> tuple[bytes, bytes]:
    """A DER INTEGER of at most 256 bits as 32 bytes, and what follows; raises ValueError."""
    body, rest = split_der(_INTEGER, data)
    number = body.lstrip(b"\0")
    if len(number) > _COORDINATE or der(_INTEGER, body) != _der_integer(number):
        raise ValueError("the number is negative, too large, or not in its one DER form")
    return number.rjust(_COORDINATE, b"\0"), rest


# ---------------------------------------------------------------- PEM


def pem_of(content: bytes, *, label: str) -> str:
    """`content` between BEGIN and END lines (RFC 7468), with a final line break."""
    text = base64.b64encode(content).decode("ascii")
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))


def pem_content(text: str, *, label: str) -> bytes:
    """The first block with this label; raises ValueError when there is none or it is broken."""
    _, begin, rest = text.partition(f"-----BEGIN {label}-----")
    body, end, _ = rest.partition(f"-----END {label}-----")
    if not begin or not end:
        raise ValueError(f"there is no {label} block in the text")
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error:
        raise ValueError(f"the {label} block is not base64") from None


# ---------------------------------------------------------------- keys


def spki_of(point: bytes) -> bytes:
    """SubjectPublicKeyInfo of a 65-byte point, 91 bytes DER."""
    return _SPKI_HEAD + point


def point_in_spki(spki: bytes) -> bytes:
    """The 65-byte point; raises `KeyMalformed` for other algorithms, curves and forms."""
    point = spki.removeprefix(_SPKI_HEAD)
    if len(spki) != len(_SPKI_HEAD) + POINT_SIZE or len(point) != POINT_SIZE:
        raise KeyMalformed("not a SubjectPublicKeyInfo of an SM2 key")
    return point


def pkcs8_of(scalar: bytes, *, point: bytes) -> bytes:
    """PrivateKeyInfo of a 32-byte scalar and its 65-byte point, 138 bytes DER."""
    return _PKCS8_HEAD + scalar + _PKCS8_MIDDLE + point


def key_in_pkcs8(info: bytes) -> tuple[bytes, bytes | None]:
    """Scalar and, if it is given, point; raises `KeyMalformed`."""
    if info.startswith(_BARE_PKCS8_HEAD) and len(info) == len(_BARE_PKCS8_HEAD) + SCALAR_SIZE:
        return info[-SCALAR_SIZE:], None
    at = len(_PKCS8_HEAD) + SCALAR_SIZE
    point = info[at + len(_PKCS8_MIDDLE) :]
    if (
        not info.startswith(_PKCS8_HEAD)
        or info[at : at + len(_PKCS8_MIDDLE)] != _PKCS8_MIDDLE
        or len(point) != POINT_SIZE
    ):
        raise KeyMalformed("not a PKCS#8 PrivateKeyInfo of an SM2 key")
    return info[len(_PKCS8_HEAD) : at], point


# ---------------------------------------------------------------- signatures, ciphertexts


def raw_signature(signature: bytes) -> bytes:
    """The 64 bytes r || s of a DER signature; raises `SignatureWrong`."""
    try:
        body, after = split_der(SEQUENCE, signature)
        r, rest = _split_number(body)
        s, rest = _split_number(rest)
    except ValueError as broken:
        raise SignatureWrong(f"the signature is not a DER SM2Signature: {broken}") from None
    if after or rest:
        raise SignatureWrong("the signature is followed by something else")
    return r + s


def der_signature(raw: bytes) -> bytes:
    """SM2Signature of r || s (GM/T 0009 7.3)."""
    return der(SEQUENCE, _der_integer(raw[:_COORDINATE]), _der_integer(raw[_COORDINATE:]))


def der_ciphertexts(ciphertext: bytes) -> Iterator[bytes]:
    """Each reading of a ciphertext as SM2Cipher DER (GM/T 0009 7.2), likeliest first.

    DER; C1 || C3 || C2 with the leading 04; the same without it. A coordinate may begin
    with 04 or 30 by chance, so several readings can be possible: C3 tells them apart.
    """
    if _is_der_ciphertext(ciphertext):
        yield ciphertext
    if ciphertext[:1] == bytes((_UNCOMPRESSED,)):
        yield from _from_raw(ciphertext[1:])
    yield from _from_raw(ciphertext)


def raw_ciphertext(ciphertext: bytes) -> bytes:
    """C1 || C3 || C2 with the leading 04 of an SM2Cipher; raises `CiphertextBroken`."""
    try:
        x, y, c3, c2 = _fields_of(ciphertext)
    except ValueError as broken:
        raise CiphertextBroken(f"not a DER SM2Cipher: {broken}") from None
    return bytes((_UNCOMPRESSED,)) + x + y + c3 + c2


def _fields_of(ciphertext: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    body, after = split_der(SEQUENCE, ciphertext)
    x, rest = _split_number(body)
    y, rest = _split_number(rest)
    c3, rest = split_der(_OCTET_STRING, rest)
    c2, rest = split_der(_OCTET_STRING, rest)
    if after or rest or len(c3) != HASH_SIZE or not c2:
        raise ValueError("something follows, or the hash or the text has a wrong size")
    return x, y, c3, c2


def _is_der_ciphertext(ciphertext: bytes) -> bool:
    try:
        _fields_of(ciphertext)
    except ValueError:
        return False
    return True


def _from_raw(raw: bytes) -> Iterator[bytes]:
    c3_at, c2_at = 2 * _COORDINATE, 2 * _COORDINATE + HASH_SIZE
    if len(raw) > c2_at:
        yield der(
            SEQUENCE,
            _der_integer(raw[:_COORDINATE]),
            _der_integer(raw[_COORDINATE:c3_at]),
            der(_OCTET_STRING, raw[c3_at:c2_at]),
            der(_OCTET_STRING, raw[c2_at:]),
        )
