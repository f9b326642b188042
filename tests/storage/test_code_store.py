"""Codes, verifications and authorisations in the database."""

import asyncio
from datetime import timedelta

import pytest

from openehc.access.serials import Claim
from openehc.cards.model import CardAccount
from openehc.cards.usage import Kind, Purpose
from openehc.codes.model import AuthorisationStatus, IssueRecord, ParsedCode, Tag
from openehc.codes.store import Authorisation, NewIssue
from tests.support.residents import account, resident
from tests.support.stores import AT, Stores, fact, serial

VALID = "B2" * 16
CHANNEL = "9901A0001XXTB0001"
LATER = AT + timedelta(seconds=60)


def _code(holder: CardAccount) -> ParsedCode:
    return ParsedCode(holder.ehcid, Tag.DYNAMIC, VALID, CHANNEL)


async def _issue(stores: Stores, holder: CardAccount) -> Claim:
    issue = NewIssue(holder.ehcid, VALID, CHANNEL, LATER)
    return await stores.codes.save_issue(issue, fact=fact(Kind.GENERATE, holder), serial=None)


@pytest.fixture
async def holder(stores: Stores) -> CardAccount:
    made = account(resident(1))
    await stores.open(made)
    return made


async def test_an_issued_code_is_known_with_its_channel(
    stores: Stores, holder: CardAccount
) -> None:
    await _issue(stores, holder)

    found = await stores.codes.presented(_code(holder), LATER)

    assert found == (holder, IssueRecord((CHANNEL,), revoked=False))


async def test_a_code_that_was_never_issued_has_no_record(
    stores: Stores, holder: CardAccount
) -> None:
    assert await stores.codes.presented(_code(holder), LATER) == (holder, None)


async def test_one_validity_for_two_people_is_two_codes(
    stores: Stores, holder: CardAccount
) -> None:
    other = account(resident(2))
    await stores.open(other)
    await _issue(stores, other)

    assert await stores.codes.presented(_code(holder), LATER) == (holder, None)


async def test_a_code_of_nobody_finds_nothing(stores: Stores) -> None:
    assert await stores.codes.presented(_code(account(resident(9))), LATER) is None


async def test_the_same_validity_issued_twice_is_one_row(
    stores: Stores, holder: CardAccount
) -> None:
    await _issue(stores, holder)

    claim = await _issue(stores, holder)

    assert (claim, await stores.count("issued_codes")) == (Claim.USED, 1)


async def test_two_channels_that_issue_the_same_pair_are_both_kept(
    stores: Stores, holder: CardAccount
) -> None:
    await _issue(stores, holder)
    other = NewIssue(holder.ehcid, VALID, "9901A0001APPB0001", LATER)
    await stores.codes.save_issue(other, fact=fact(Kind.GENERATE, holder), serial=None)

    found = await stores.codes.presented(_code(holder), LATER)

    assert found == (holder, IssueRecord((CHANNEL, "9901A0001APPB0001"), revoked=False))


async def test_a_repeated_number_issues_no_code(stores: Stores, holder: CardAccount) -> None:
    issue = NewIssue(holder.ehcid, VALID, CHANNEL, LATER)
    generated = fact(Kind.GENERATE, holder)
    await stores.codes.save_issue(None, fact=generated, serial=serial("g"))

    claim = await stores.codes.save_issue(issue, fact=generated, serial=serial("g"))

    assert (claim, await stores.count("issued_codes")) == (Claim.REPEATED, 0)


async def test_a_repeated_number_leaves_no_second_fact(stores: Stores, holder: CardAccount) -> None:
    before = await stores.count("usage_facts")
    verified = fact(Kind.VERIFY, holder)
    await stores.codes.save_verification(verified, serial=serial("v"))

    await stores.codes.save_verification(verified, serial=serial("v"))

    assert await stores.count("usage_facts") == before + 1


async def test_a_number_that_another_process_works_on_verifies_nothing(
    stores: Stores, holder: CardAccount
) -> None:
    key = serial("busy")

    async with stores.database.transaction() as other:
        await other.fetch("select pg_advisory_xact_lock($1)", key.lock)
        claim = await stores.codes.save_verification(fact(Kind.VERIFY, holder), serial=key)

    assert claim is Claim.IN_FLIGHT


async def test_among_many_verifications_in_one_batch_one_is_the_first(
    stores: Stores, holder: CardAccount
) -> None:
    await asyncio.gather(
        *[
            stores.codes.save_verification(fact(Kind.VERIFY, holder), serial=serial(str(number)))
            for number in range(40)
        ]
    )

    firsts = "select count(*) from usage_facts where first_of_day"
    assert await stores.database.fetchval(firsts) == 1


def _waiting() -> Authorisation:
    return Authorisation(
        status=AuthorisationStatus.WAITING, ehcid=None, app_id="test-app", term_id="T-1",
        institution_id=1, purpose=Purpose(treatment_code="010101"), expires_at=LATER,
    )  # fmt: skip


@pytest.fixture
async def token(stores: Stores) -> str:
    await stores.codes.open_authorisation("TOKEN", _waiting(), serial=serial("a"), at=AT)
    return "TOKEN"


async def test_an_authorisation_is_found_by_its_token_and_by_its_number(
    stores: Stores, token: str
) -> None:
    by_token = await stores.codes.authorisation_by_token(token)
    by_serial = await stores.codes.authorisation_by_serial(serial("a"))

    assert by_token == by_serial == _waiting()


async def test_of_two_decisions_at_once_one_counts(stores: Stores, token: str) -> None:
    decided = await asyncio.gather(
        stores.codes.decide(token, AuthorisationStatus.GRANTED, ehcid=b"e" * 32, at=AT),
        stores.codes.decide(token, AuthorisationStatus.CANCELLED, ehcid=None, at=AT),
    )

    assert sorted(decided) == [False, True]


@pytest.mark.parametrize(("seconds", "decided"), [(60, True), (61, False)])
async def test_a_decision_counts_until_the_link_ends(
    stores: Stores, token: str, seconds: int, decided: object
) -> None:
    at = AT + timedelta(seconds=seconds)

    done = await stores.codes.decide(token, AuthorisationStatus.CANCELLED, ehcid=None, at=at)

    assert done is decided


async def test_a_thousand_first_uses_at_once_are_all_saved(stores: Stores) -> None:
    whom = account(resident(1))

    await asyncio.gather(
        *(stores.codes.save_verification(fact(Kind.VERIFY, whom), serial=None) for _ in range(1000))
    )

    assert await stores.count("usage_facts") == 1000
