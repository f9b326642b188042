"""Properties of SM2 over generated keys and data."""

from hypothesis import given, settings
from hypothesis import strategies as st

from openehc.crypto.sm2 import CiphertextBroken, SignatureWrong, Sm2PrivateKey
from openehc.crypto.sm2_forms import der_signature, raw_ciphertext, raw_signature
from tests.support.sm2_oracle import PUBLISHED_KEY, oracle_accepts, oracle_decrypt, oracle_public

ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
KEY = Sm2PrivateKey(PUBLISHED_KEY)
DATA = b"some data"
SIGNATURE = KEY.sign(DATA)
SEALED = KEY.public.encrypt(b"a key of 16 byte")

scalars = st.integers(min_value=1, max_value=ORDER - 2).map(lambda d: d.to_bytes(32, "big"))
raw_signatures = st.binary(min_size=64, max_size=64)


@given(scalar=scalars)
@settings(max_examples=10)
def test_the_public_key_is_the_one_that_another_implementation_computes(scalar: bytes) -> None:
    assert Sm2PrivateKey(scalar).public.raw == oracle_public(scalar)


@given(scalar=scalars, data=st.binary(max_size=200))
@settings(max_examples=5)
def test_another_implementation_agrees(scalar: bytes, data: bytes) -> None:
    key = Sm2PrivateKey(scalar)

    assert oracle_accepts(key.public.raw, data, key.sign_raw(data))
    sealed = raw_ciphertext(key.public.encrypt(data + b"."))
    assert oracle_decrypt(scalar, sealed) == data + b"."


@given(data=st.binary(max_size=2000))
def test_what_is_signed_is_verified(data: bytes) -> None:
    KEY.public.verify(KEY.sign(data), data=data)


@given(plain=st.binary(min_size=1, max_size=2000))
def test_what_is_encrypted_comes_back_from_every_form(plain: bytes) -> None:
    sealed = KEY.public.encrypt(plain)
    raw = raw_ciphertext(sealed)

    assert KEY.decrypt(sealed) == KEY.decrypt(raw) == KEY.decrypt(raw[1:]) == plain


@given(raw=raw_signatures)
def test_der_and_raw_name_the_same_signature(raw: bytes) -> None:
    assert raw_signature(der_signature(raw)) == raw


@given(at=st.integers(min_value=0, max_value=8 * len(SIGNATURE) - 1))
def test_any_flipped_bit_of_a_signature_is_refused(at: int) -> None:
    try:
        KEY.public.verify(flipped(SIGNATURE, at), data=DATA)
    except SignatureWrong:
        return
    raise AssertionError("accepted")


@given(at=st.integers(min_value=0, max_value=8 * len(SEALED) - 1))
def test_any_flipped_bit_of_a_ciphertext_is_refused(at: int) -> None:
    try:
        KEY.decrypt(flipped(SEALED, at))
    except CiphertextBroken:
        return
    raise AssertionError("opened")


@given(junk=st.binary(max_size=300))
def test_junk_is_refused_and_never_crashes(junk: bytes) -> None:
    for attempt, refusal in ((KEY.decrypt, CiphertextBroken), (verify_junk, SignatureWrong)):
        try:
            attempt(junk)
        except refusal:
            continue
        raise AssertionError("accepted")


def verify_junk(junk: bytes) -> bytes:
    KEY.public.verify(junk, data=DATA)
    return junk


def flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at // 8] ^= 1 << at % 8
    return bytes(changed)
