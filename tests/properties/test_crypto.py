"""Properties of ciphers, seals and identifiers, over generated input."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openehc.crypto.module.port import Identity, UnfitIdentity
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.crypto.sealing import ProfileSealer
from openehc.crypto.sm3 import hmac_sm3, sm3
from openehc.crypto.sm4 import EcbCipher, PaddingError, SealBroken
from tests.support.counted_entropy import CountedEntropy
from tests.support.crypto_oracle import oracle_hmac, oracle_padded, oracle_sm3

MODULE = SoftCryptoModule(PUBLIC_TEST_KEYS)
SEALER = ProfileSealer({1: bytes(range(16))}, current=1)

keys = st.binary(min_size=16, max_size=16)
texts = st.binary(max_size=100)
mindex_ids = st.binary(min_size=32, max_size=32).map(lambda raw: raw.hex().upper())
moments = st.datetimes(
    min_value=datetime(1000, 1, 2),  # noqa: DTZ001 (the strategy adds the zone)
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001 (the same)
    timezones=st.just(UTC),
)
id_types = st.text("0123456789ABCXYZ", min_size=2, max_size=2)
id_numbers = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=30)


@given(data=texts)
def test_sm3_agrees_with_an_independent_implementation(data: bytes) -> None:
    assert sm3(data) == oracle_sm3(data)


@given(key=st.binary(min_size=1, max_size=80), data=texts)
def test_hmac_agrees_with_an_independent_implementation(key: bytes, data: bytes) -> None:
    assert hmac_sm3(key, data) == oracle_hmac(key, data)


@given(key=keys, data=texts)
def test_padded_ecb_agrees_with_an_independent_implementation(key: bytes, data: bytes) -> None:
    assert EcbCipher(key).encrypt_padded(data) == oracle_padded(key, data)


@given(key=keys, data=texts)
def test_padded_ecb_comes_back(key: bytes, data: bytes) -> None:
    cipher = EcbCipher(key)

    assert cipher.decrypt_padded(cipher.encrypt_padded(data)) == data


@given(key=keys, junk=st.binary(max_size=64), data=texts)
def test_no_refused_input_spoils_a_context(key: bytes, junk: bytes, data: bytes) -> None:
    cipher = EcbCipher(key)
    sealed = cipher.encrypt_padded(data)

    with suppress(PaddingError):
        cipher.decrypt_padded(junk)

    assert cipher.decrypt_padded(sealed) == data


@given(plain=texts, row=st.binary(max_size=40), seed=st.binary(max_size=8))
def test_a_seal_opens_in_its_row(plain: bytes, row: bytes, seed: bytes) -> None:
    sealed = SEALER.seal(plain, row=row, entropy=CountedEntropy(seed))

    assert SEALER.open(sealed.content, row=row) == plain


@given(plain=texts, row=st.binary(max_size=40), data=st.data())
def test_every_flipped_bit_breaks_a_seal(plain: bytes, row: bytes, data: st.DataObject) -> None:
    content = bytearray(SEALER.seal(plain, row=row, entropy=CountedEntropy()).content)
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8

    with pytest.raises(SealBroken):
        SEALER.open(bytes(content), row=row)


@given(plain=texts, rows=st.lists(st.binary(max_size=40), min_size=2, max_size=2, unique=True))
def test_no_other_row_opens_a_seal(plain: bytes, rows: list[bytes]) -> None:
    sealed = SEALER.seal(plain, row=rows[0], entropy=CountedEntropy())

    with pytest.raises(SealBroken):
        SEALER.open(sealed.content, row=rows[1])


@given(content=st.binary(max_size=80))
def test_no_made_up_value_opens(content: bytes) -> None:
    with pytest.raises(SealBroken):
        SEALER.open(b"\0\1" + content, row=b"row")


@given(moment=moments)
def test_a_valid_comes_back_to_the_second(moment: datetime) -> None:
    opened = asyncio.run(_valid_round(moment))

    assert opened == moment.replace(microsecond=0)


async def _valid_round(moment: datetime) -> datetime | None:
    return await MODULE.open_valid(await MODULE.make_valid(moment))


@given(id_type=id_types, id_no=id_numbers, name=st.text(max_size=20))
def test_an_ehcid_comes_back(id_type: str, id_no: str, name: str) -> None:
    assert asyncio.run(_ehcid_round(id_type, id_no, name)) == Identity(id_type, id_no)


async def _ehcid_round(id_type: str, id_no: str, name: str) -> Identity | None:
    mindex_id = await MODULE.make_mindex_id(id_type, id_no, name)
    return await MODULE.open_ehcid(await MODULE.make_ehcid(id_type, id_no, mindex_id), mindex_id)


@given(id_type=st.text(max_size=4), id_no=st.text(max_size=40), mindex_id=mindex_ids)
def test_whatever_an_ehcid_is_made_of_reads_back(id_type: str, id_no: str, mindex_id: str) -> None:
    try:
        ehcid = asyncio.run(MODULE.make_ehcid(id_type, id_no, mindex_id))
    except UnfitIdentity:
        return

    assert asyncio.run(MODULE.open_ehcid(ehcid, mindex_id)) == Identity(id_type, id_no)


@given(valid=st.text(max_size=40) | st.text("0123456789ABCDEF", min_size=32, max_size=32))
def test_no_text_makes_opening_a_valid_fail(valid: str) -> None:
    opened = asyncio.run(MODULE.open_valid(valid))

    assert opened is None or opened.tzinfo is UTC


@given(plain=st.binary(min_size=7, max_size=7).map(lambda head: head + bytes(9)))
def test_a_valid_of_any_seven_octets_is_a_time_or_nothing(plain: bytes) -> None:
    valid = EcbCipher(PUBLIC_TEST_KEYS.protect_key).encrypt(plain).hex().upper()

    opened = asyncio.run(MODULE.open_valid(valid))

    assert opened is None or asyncio.run(MODULE.make_valid(opened)) == valid


@given(ehcid=st.binary(max_size=40), mindex_id=mindex_ids | st.text(max_size=70))
def test_no_made_up_ehcid_opens(ehcid: bytes, mindex_id: str) -> None:
    assert asyncio.run(MODULE.open_ehcid(ehcid, mindex_id)) is None
