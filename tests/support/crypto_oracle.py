"""A second implementation of the identifiers and the envelope, built on `gmalg`.

Shares no line and no library with `openehc.crypto`: pure Python SM3 and SM4, the
layouts written out once more. Slow; for comparison only.
"""

from collections.abc import Iterable, Mapping

from gmalg import SM3, SM4

_SM3_BLOCK = 64


def oracle_sm3(data: bytes) -> bytes:
    hashing = SM3()
    hashing.update(data)
    return bytes(hashing.value())


def oracle_hmac(key: bytes, data: bytes) -> bytes:
    if len(key) > _SM3_BLOCK:
        key = oracle_sm3(key)
    key = key.ljust(_SM3_BLOCK, b"\0")
    inner = oracle_sm3(bytes(octet ^ 0x36 for octet in key) + data)
    return oracle_sm3(bytes(octet ^ 0x5C for octet in key) + inner)


def oracle_encrypt(key: bytes, data: bytes) -> bytes:
    cipher = SM4(key)
    return b"".join(cipher.encrypt(data[at : at + 16]) for at in range(0, len(data), 16))


def oracle_decrypt(key: bytes, data: bytes) -> bytes:
    cipher = SM4(key)
    return b"".join(cipher.decrypt(data[at : at + 16]) for at in range(0, len(data), 16))


def oracle_padded(key: bytes, data: bytes) -> bytes:
    missing = 16 - len(data) % 16
    return oracle_encrypt(key, data + bytes([missing] * missing))


def oracle_mindex_id(id_type: str, id_no: str, name: str) -> str:
    return oracle_sm3((id_type + id_no + name).encode()).hex().upper()


def oracle_factor(mindex_id: str) -> bytes:
    raw = bytes.fromhex(mindex_id)
    return bytes(raw[at] ^ raw[8 + at] ^ raw[16 + at] ^ raw[24 + at] for at in range(8))


def oracle_user_key(mindex_id: str, *, safe_key: bytes) -> bytes:
    factor = oracle_factor(mindex_id)
    return oracle_encrypt(safe_key, factor + bytes(255 - octet for octet in factor))


def oracle_ehcid(id_type: str, id_no: str, *, mindex_id: str, safe_key: bytes) -> str:
    plain = (id_type + id_no).encode("ascii") + bytes(32 - len(id_type + id_no))
    key = oracle_user_key(mindex_id, safe_key=safe_key)
    return oracle_encrypt(key, plain).hex().upper()


def oracle_valid(expires: str, *, protect_key: bytes) -> str:
    digits = [int(digit) for digit in expires]
    packed = bytes(16 * high + low for high, low in zip(digits[::2], digits[1::2], strict=True))
    return oracle_encrypt(protect_key, packed + bytes(9)).hex().upper()


def oracle_message_key(app_secret: str) -> bytes:
    return "".join(f"{octet:02X}" for octet in app_secret.encode())[:16].encode()


def oracle_biz_content(plain: str, *, app_secret: str) -> str:
    text = "".join(f"{octet:02X}" for octet in plain.encode())
    return oracle_padded(oracle_message_key(app_secret), text.encode()).hex().upper()


def oracle_string_to_digest(
    fields: Mapping[str, str], *, app_secret: str, leave_out: Iterable[str]
) -> str:
    kept = {name: fields[name] for name in fields if fields[name] and name not in set(leave_out)}
    return "".join(f"{name}={kept[name]}&" for name in sorted(kept)) + f"app_secret={app_secret}"


def oracle_digest(text: str) -> str:
    return oracle_sm3(text.encode()).hex().upper()


def check_digit(first_seventeen: str) -> str:
    """GB 11643: ISO 7064 MOD 11-2 over the first 17 digits of a resident number."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(d) * weight for d, weight in zip(first_seventeen, weights, strict=True))
    return "10X98765432"[total % 11]
