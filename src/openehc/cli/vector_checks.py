"""Known-answer cases: reading the files of `vectors/` and computing what they expect.

A file holds `title`, `source` and `cases`; a case holds `id`, `kind`, `given` and
`expect`. Each kind is one function from `given` to computed values, and a case
passes when every expected value equals the computed one. Prints nothing.
`vectors/README.md` describes the kinds for those who write them in other languages.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openehc.crypto.module.algorithm import factor_of, mindex_bytes, mindex_id_of, user_key_of
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, ModuleKeys, SoftCryptoModule
from openehc.crypto.sm2 import (
    CiphertextBroken,
    SignatureWrong,
    SignedWithoutId,
    Sm2PrivateKey,
    Sm2PublicKey,
)
from openehc.crypto.sm3 import hmac_sm3, sm3_upper
from openehc.crypto.sm4 import NONCE_SIZE, TAG_SIZE, EcbCipher, SealBroken, gcm_open, gcm_seal
from openehc.envelope.profile import NATIONAL, joined_fields, message_key
from openehc.kernel.clock import parse_wire_time, wire_time

Given = Mapping[str, Any]
Computed = dict[str, str]


class UnreadableVectors(ValueError):
    """A vector file is not one: not JSON, or without title, source or cases."""


@dataclass(frozen=True, slots=True)
class Case:
    """One known answer; `expect` is never empty."""

    file: str
    id: str
    kind: str
    given: Given
    expect: Mapping[str, str]


def read_cases(path: Path) -> list[Case]:
    """The cases of one file; raises `UnreadableVectors`."""
    try:
        content = json.loads(path.read_bytes())
        named = bool(content["title"] and content["source"])
        cases = [_read_case(path.name, raw) for raw in content["cases"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as broken:
        raise UnreadableVectors(f"{path.name}: {broken!r}") from None
    if not named or not cases:
        raise UnreadableVectors(f"{path.name}: title, source and at least one case are needed")
    return cases


def failure_of(case: Case) -> str | None:
    """Why the case fails, in one line; None when it passes."""
    check = KINDS.get(case.kind)
    if check is None:
        return f"unknown kind {case.kind!r}"
    try:
        computed = check(case.given)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as broken:
        return f"cannot be computed: {broken!r}"
    return next(_differences(case.expect, computed), None)


def _read_case(file: str, raw: Mapping[str, Any]) -> Case:
    expect: Mapping[str, Any] = raw["expect"]
    if not expect or not all(isinstance(value, str) and value for value in expect.values()):
        raise ValueError(f"{raw['id']} expects nothing, or something that is not text")
    return Case(file, raw["id"], raw["kind"], raw["given"], expect)


def _differences(expect: Mapping[str, str], computed: Computed) -> Iterator[str]:
    for name, value in expect.items():
        if computed.get(name) != value:
            yield f"{name} is {computed.get(name)!r}, expected {value!r}"


def _upper(raw: bytes) -> str:
    return raw.hex().upper()


def _bytes(given: Given, name: str) -> bytes:
    """Text under `name`_utf8, or bytes under `name`_hex."""
    text = given.get(f"{name}_utf8")
    return bytes.fromhex(given[f"{name}_hex"]) if text is None else text.encode()


# ---------------------------------------------------------------- hash and cipher


def _sm3(given: Given) -> Computed:
    return {"digest": sm3_upper(_bytes(given, "data"))}


def _hmac_sm3(given: Given) -> Computed:
    return {"mac": _upper(hmac_sm3(bytes.fromhex(given["key_hex"]), _bytes(given, "data")))}


def _ecb_encrypt(given: Given) -> Computed:
    cipher, data = EcbCipher(bytes.fromhex(given["key_hex"])), _bytes(given, "plaintext")
    for _ in range(given.get("rounds", 1)):
        data = cipher.encrypt(data)
    return {"ciphertext": _upper(data)}


def _ecb_decrypt(given: Given) -> Computed:
    cipher = EcbCipher(bytes.fromhex(given["key_hex"]))
    return {"plaintext": _upper(cipher.decrypt(bytes.fromhex(given["ciphertext_hex"])))}


def _ecb_padded(given: Given) -> Computed:
    cipher = EcbCipher(bytes.fromhex(given["key_hex"]))
    sealed = cipher.encrypt_padded(_bytes(given, "plaintext"))
    return {"ciphertext": _upper(sealed), "plaintext": _upper(cipher.decrypt_padded(sealed))}


def _gcm_seal(given: Given) -> Computed:
    key, nonce, aad = (bytes.fromhex(given[f"{name}_hex"]) for name in ("key", "nonce", "aad"))
    sealed = gcm_seal(key, _bytes(given, "plaintext"), aad=aad, nonce=nonce)
    return {
        "ciphertext": _upper(sealed[NONCE_SIZE:-TAG_SIZE]),
        "tag": _upper(sealed[-TAG_SIZE:]),
    }


def _gcm_open(given: Given) -> Computed:
    key, nonce, aad, ciphertext, tag = (
        bytes.fromhex(given[f"{name}_hex"]) for name in ("key", "nonce", "aad", "ciphertext", "tag")
    )
    try:
        plain = gcm_open(key, nonce + ciphertext + tag, aad=aad)
    except SealBroken:
        return {"outcome": "refused"}
    return {"outcome": "opened", "plaintext": _upper(plain)}


def _sm2_verify(given: Given) -> Computed:
    key = Sm2PublicKey(bytes.fromhex(given["public_key_hex"]))
    try:
        key.verify(bytes.fromhex(given["signature_hex"]), data=_bytes(given, "data"))
    except SignedWithoutId:
        return {"outcome": "refused, made without the id"}
    except SignatureWrong:
        return {"outcome": "refused"}
    return {"outcome": "accepted"}


def _sm2_decrypt(given: Given) -> Computed:
    key = Sm2PrivateKey(bytes.fromhex(given["private_key_hex"]))
    try:
        plain = key.decrypt(bytes.fromhex(given["ciphertext_hex"]))
    except CiphertextBroken:
        return {"outcome": "refused"}
    return {"outcome": "opened", "plaintext": _upper(plain)}


# ---------------------------------------------------------------- identifiers


def _mindex_id(given: Given) -> Computed:
    return {"mindex_id": mindex_id_of(given["id_type"], given["id_no"], given["name"])}


def _ehcid(given: Given) -> Computed:
    safe_key, mindex_id = bytes.fromhex(given["safe_key_hex"]), given["mindex_id"]
    making = _module(safe_key=safe_key).make_ehcid(given["id_type"], given["id_no"], mindex_id)
    mindex = mindex_bytes(mindex_id)
    return {
        "factor": f"{factor_of(mindex):016X}",
        "user_key": _upper(user_key_of(mindex, safe_cipher=EcbCipher(safe_key))),
        "ehcid": _upper(asyncio.run(making)),
    }


def _open_ehcid(given: Given) -> Computed:
    module = _module(safe_key=bytes.fromhex(given["safe_key_hex"]))
    opening = module.open_ehcid(bytes.fromhex(given["ehcid"]), given["mindex_id"])
    identity = asyncio.run(opening)
    if identity is None:
        return {"outcome": "refused"}
    return {"outcome": "opened", "id_type": identity.id_type, "id_no": identity.id_no}


def _valid(given: Given) -> Computed:
    module = _module(protect_key=bytes.fromhex(given["protect_key_hex"]))
    expires = parse_wire_time(given["expires"])
    if expires is None:
        raise ValueError("expires is not yyyyMMddHHmmss")
    return {"valid": asyncio.run(module.make_valid(expires))}


def _open_valid(given: Given) -> Computed:
    module = _module(protect_key=bytes.fromhex(given["protect_key_hex"]))
    expires = asyncio.run(module.open_valid(given["valid"]))
    if expires is None:
        return {"outcome": "refused"}
    return {"outcome": "opened", "expires": wire_time(expires)}


def _module(
    *,
    safe_key: bytes = PUBLIC_TEST_KEYS.safe_key,
    protect_key: bytes = PUBLIC_TEST_KEYS.protect_key,
) -> SoftCryptoModule:
    return SoftCryptoModule(ModuleKeys(safe_key=safe_key, protect_key=protect_key))


# ---------------------------------------------------------------- envelope


def _envelope_key(given: Given) -> Computed:
    return {"key": _upper(message_key(given["app_secret"]))}


def _envelope_seal(given: Given) -> Computed:
    secret, plain = given["app_secret"], given["biz_content_plain"].encode()
    biz_content = NATIONAL.seal_biz(plain, NATIONAL.prepare(secret))
    fields = {**given["fields"], "biz_content": biz_content}
    return {
        "plain_hex": _upper(plain),
        "biz_content": biz_content,
        **_digest(fields, secret=secret, leave_out=given["leave_out"]),
    }


def _envelope_open(given: Given) -> Computed:
    secret, fields = given["app_secret"], given["message"]
    plain = NATIONAL.open_biz(fields["biz_content"], NATIONAL.prepare(secret))
    return {
        **_digest(fields, secret=secret, leave_out=given["leave_out"]),
        "biz_content_plain": plain.decode(),
        "biz_content_plain_sm3": sm3_upper(plain),
    }


def _envelope_digest(given: Given) -> Computed:
    return _digest(given["fields"], secret=given["app_secret"], leave_out=given["leave_out"])


def _digest(fields: Given, *, secret: str, leave_out: Iterable[str]) -> Computed:
    keys = NATIONAL.prepare(secret)
    joined = joined_fields(fields, without=leave_out)
    return {
        "string_to_digest": joined + keys.secret_suffix.decode(),
        "digest": NATIONAL.digest(fields, keys, without=leave_out),
    }


KINDS: Final[Mapping[str, Callable[[Given], Computed]]] = {
    "sm3": _sm3,
    "hmac-sm3": _hmac_sm3,
    "sm4-ecb-encrypt": _ecb_encrypt,
    "sm4-ecb-decrypt": _ecb_decrypt,
    "sm4-ecb-padded": _ecb_padded,
    "sm4-gcm-seal": _gcm_seal,
    "sm4-gcm-open": _gcm_open,
    "sm2-verify": _sm2_verify,
    "sm2-decrypt": _sm2_decrypt,
    "mindex-id": _mindex_id,
    "ehcid": _ehcid,
    "open-ehcid": _open_ehcid,
    "valid": _valid,
    "open-valid": _open_valid,
    "envelope-key": _envelope_key,
    "envelope-seal": _envelope_seal,
    "envelope-open": _envelope_open,
    "envelope-digest": _envelope_digest,
}
"""Every kind of case that this program can compute."""
