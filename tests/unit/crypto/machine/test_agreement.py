"""All crypto modules with the same keys make the same identifiers (材料二 附录A 5.1)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from openehc.crypto.module.port import CryptoModule, Identity
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS
from tests.support.crypto_modules import MODULES
from tests.support.residents import RARE_NAMES, foreigner, resident

PEOPLE = [
    *(resident(seed) for seed in range(1, 121)),
    *(foreigner(seed) for seed in range(1, 21)),
    *(resident(200 + at, user_name=name) for at, name in enumerate(RARE_NAMES)),
    resident(300, id_type="99", id_no="A" * 30),
    resident(301, id_type="99", id_no="1"),
]
FIRST_EXPIRY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def modules() -> AsyncIterator[list[CryptoModule]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(factory(PUBLIC_TEST_KEYS))
            for factory in MODULES.values()
        ]


@pytest.mark.requirement("G2-A-5.4-4")
async def test_many_people_get_the_same_ids_everywhere(modules: list[CryptoModule]) -> None:
    differing = []
    for person in PEOPLE:
        made = set()
        for module in modules:
            mindex_id = await module.make_mindex_id(person.id_type, person.id_no, person.user_name)
            made.add((mindex_id, await module.make_ehcid(person.id_type, person.id_no, mindex_id)))
        if len(made) != 1:
            differing.append(made)

    assert differing == []


async def test_what_one_made_every_other_opens(modules: list[CryptoModule]) -> None:
    unopened = []
    for at, person in enumerate(PEOPLE):
        maker = modules[at % len(modules)]
        mindex_id = await maker.make_mindex_id(person.id_type, person.id_no, person.user_name)
        ehcid = await maker.make_ehcid(person.id_type, person.id_no, mindex_id)
        opened = [await module.open_ehcid(ehcid, mindex_id) for module in modules]
        if opened != [Identity(person.id_type, person.id_no)] * len(modules):
            unopened.append((at, opened))

    assert unopened == []


async def test_expiry_times_are_sealed_alike(modules: list[CryptoModule]) -> None:
    moments = [FIRST_EXPIRY + timedelta(hours=hours, seconds=hours) for hours in range(0, 5000, 97)]

    valids = [[await module.make_valid(moment) for moment in moments] for module in modules]

    assert valids == [valids[0]] * len(modules)


@pytest.mark.requirement("G2-A-5.1-6")
async def test_the_check_values_of_key_filling_are_found_again(
    modules: list[CryptoModule],
) -> None:
    filled, *others = [await module.key_check_values() for module in modules]

    assert others == [filled] * len(others)


async def test_no_two_people_share_an_id(modules: list[CryptoModule]) -> None:
    made = set()
    for person in PEOPLE:
        module = modules[-1]
        mindex_id = await module.make_mindex_id(person.id_type, person.id_no, person.user_name)
        made.add(await module.make_ehcid(person.id_type, person.id_no, mindex_id))

    assert len(made) == len(PEOPLE)
