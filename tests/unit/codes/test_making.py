"""What goes into a code when it is made, with the real crypto module."""

from datetime import timedelta
from typing import cast

import pytest

from openehc.codes.generate_code import GenerateCode, GenerateCommand
from openehc.codes.model import IssuedCode, Tag
from openehc.codes.store import CodeStore
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from tests.support.counted_entropy import CountedEntropy
from tests.support.residents import account
from tests.support.signed_requests import EHCAPPID, NOW, admission

MODULE = SoftCryptoModule(PUBLIC_TEST_KEYS)
MINUTE = timedelta(seconds=60)


async def made(tag: Tag) -> IssuedCode:
    unused = cast("CodeStore", None)  # making a code records nothing
    command = GenerateCommand(admission(), tag, MINUTE, None, None, NOW)
    return await GenerateCode(unused, MODULE, CountedEntropy()).make(account(), command)


@pytest.mark.requirement("G1-6.2.1-1", "G1-5.1.2-3", "G1-5.1.2-4")
async def test_a_static_code_is_the_card_id_and_its_tag() -> None:
    code = await made(Tag.STATIC)

    assert code.text == f"{account().ehealth_card_id}:1::{EHCAPPID}"


@pytest.mark.requirement("G1-6.2.1-1", "G1-5.1.2-3", "G1-9.7.4-1")
async def test_a_dynamic_code_holds_the_sealed_time_of_its_end() -> None:
    ehcid, tag, valid, channel = (await made(Tag.DYNAMIC)).text.split(":")

    assert (ehcid, tag, channel) == (account().ehealth_card_id, "0", EHCAPPID)
    assert await MODULE.open_valid(valid) == NOW + MINUTE


@pytest.mark.requirement("G1-9.7-3")
@pytest.mark.parametrize("tag", Tag)
async def test_nothing_of_the_person_is_readable_in_a_code(tag: Tag) -> None:
    text, person = (await made(tag)).text, account().resident

    assert not [
        part for part in (person.id_no, person.user_name, person.mobile_phone) if part in text
    ]


async def test_a_static_code_does_not_end() -> None:
    assert (await made(Tag.STATIC)).expires_at is None
