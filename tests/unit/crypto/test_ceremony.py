"""Sheets, check values and the page of a filling."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from openehc.crypto.ceremony import (
    Cut,
    KeyName,
    Sheet,
    SheetKind,
    SheetOfAnotherKey,
    check_values_of,
    filling_page,
    key_of_shares,
    key_of_sheets,
    read_sheet,
    sheets_of,
)
from openehc.crypto.keyfile import KeyPurpose
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.crypto.node_keys import fresh_node_keys
from openehc.crypto.shares import (
    ShareDamaged,
    ShareMistyped,
    ShareOfAnotherSet,
    ShareRepeated,
    SharesDoNotFit,
    SharesTooFew,
)
from openehc.crypto.sm3 import sm3_upper
from tests.support.counted_entropy import CountedEntropy
from tests.support.crypto_modules import OTHER_KEYS

NOW = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
SHARES = Cut(SheetKind.SHARE, 2, 3)
COMPONENTS = Cut(SheetKind.COMPONENT, 3, 3)
KEYS = {name: bytes(range(1, name.size + 1)) for name in KeyName}


def cut(
    name: KeyName = KeyName.SAFE, how: Cut = SHARES, *, seed: bytes = b"",
    purpose: KeyPurpose = KeyPurpose.PRODUCTION,
) -> list[Sheet]:  # fmt: skip
    made = sheets_of(
        name, KEYS[name], cut=how, purpose=purpose, now=NOW, entropy=CountedEntropy(seed)
    )
    return list(made)


def joined(
    sheets: list[Sheet], name: KeyName = KeyName.SAFE, purpose: KeyPurpose = KeyPurpose.PRODUCTION
) -> bytes:
    return key_of_sheets(name, sheets, purpose=purpose)


@pytest.mark.parametrize("name", list(KeyName))
@pytest.mark.parametrize("how", [SHARES, COMPONENTS], ids=["shares", "components"])
def test_a_key_comes_back_from_its_printed_sheets(name: KeyName, how: Cut) -> None:
    printed = [sheet.text() for sheet in cut(name, how)]

    assert joined([read_sheet(text) for text in printed], name) == KEYS[name]


def test_two_sheets_of_three_suffice() -> None:
    assert joined(cut()[1:]) == KEYS[KeyName.SAFE]


def test_a_sheet_survives_an_editor_of_another_system() -> None:
    sheet = cut()[0]

    assert read_sheet(sheet.text().replace("\n", "\r\n") + "\r\n") == sheet


def test_a_sheet_tells_its_holder_what_it_is() -> None:
    text = cut()[1].text()

    for line in ("key: safe-key", "purpose: production", "part: 2", "of: 3", "needed: 2"):
        assert line in text


def test_a_sheet_does_not_show_its_secret_by_accident() -> None:
    sheet = cut()[0]

    assert repr(sheet) == "Sheet(safe-key, share 1 of 3)"


def test_a_sheet_of_another_key_is_refused() -> None:
    with pytest.raises(SheetOfAnotherKey, match="safe-key, not of the protect-key"):
        joined(cut(), KeyName.PROTECT)


@pytest.mark.parametrize(
    ("made_for", "node"),
    [(KeyPurpose.DEBUGGING, KeyPurpose.PRODUCTION), (KeyPurpose.PRODUCTION, KeyPurpose.DEBUGGING)],
)
def test_formal_and_simulated_keys_are_never_mixed(made_for: KeyPurpose, node: KeyPurpose) -> None:
    with pytest.raises(SheetOfAnotherKey, match="never mixed"):
        joined(cut(purpose=made_for), purpose=node)


def test_sheets_of_two_cuttings_are_refused() -> None:
    with pytest.raises(ShareOfAnotherSet):
        joined([cut()[0], cut(seed=b"other")[1]])


def test_a_sheet_given_twice_is_refused() -> None:
    with pytest.raises(ShareRepeated):
        joined([cut()[0], cut()[0]])


def test_too_few_sheets_are_refused() -> None:
    with pytest.raises(SharesTooFew, match="2 shares are needed"):
        joined(cut()[:1])


def test_too_few_components_are_refused() -> None:
    with pytest.raises(SharesTooFew, match="3 components are needed"):
        joined(cut(how=COMPONENTS)[:2])


def test_no_sheet_is_refused() -> None:
    with pytest.raises(SharesTooFew):
        joined([])


def test_a_component_whose_digits_were_changed_is_refused() -> None:
    first, *others = cut(how=COMPONENTS)
    changed = replace(first, secret="0000" + first.secret[4:])

    with pytest.raises(ShareDamaged):
        joined([changed, *others])


@pytest.mark.parametrize("spoilt", ["", "openehc-key-sheet 2", "key: safe-key"])
def test_what_is_no_sheet_is_refused(spoilt: str) -> None:
    with pytest.raises(ShareMistyped):
        read_sheet(spoilt)


@pytest.mark.parametrize("lost", range(1, 11))
def test_a_sheet_that_lost_a_line_is_refused(lost: int) -> None:
    lines = cut()[0].text().split("\n")

    with pytest.raises(ShareMistyped):
        read_sheet("\n".join(lines[:lost] + lines[lost + 1 :]))


def test_shares_of_another_key_do_not_give_the_expected_check_value() -> None:
    shares = [sheet.secret for sheet in cut(KeyName.PROTECT)]

    with pytest.raises(SharesDoNotFit):
        key_of_shares(KeyName.SAFE, shares, check="0123456789ABCDEF")


def test_shares_of_a_longer_key_are_refused() -> None:
    shares = [sheet.secret for sheet in cut(KeyName.BLIND_INDEX)]
    check = KeyName.BLIND_INDEX.check(KEYS[KeyName.BLIND_INDEX])

    with pytest.raises(SheetOfAnotherKey, match="16 bytes, this key 32"):
        key_of_shares(KeyName.SAFE, shares, check=check)


def test_every_held_key_has_a_check_value() -> None:
    keys = fresh_node_keys(OTHER_KEYS, local={}, entropy=CountedEntropy())

    assert list(check_values_of(keys)) == [
        "safe-key", "protect-key", "sealing-key 1", "blind-index-key 1",
    ]  # fmt: skip


@pytest.mark.requirement("G2-A-5.1-6")
async def test_the_same_keys_make_the_same_ids_of_the_same_person() -> None:
    first = await filling_page(SoftCryptoModule(OTHER_KEYS))
    second = await filling_page(SoftCryptoModule(OTHER_KEYS))

    assert second.differences(first.fields()) == []


@pytest.mark.requirement("G2-A-5.1-6")
async def test_other_keys_are_seen_in_the_ids() -> None:
    page = await filling_page(SoftCryptoModule(OTHER_KEYS))
    other = await filling_page(SoftCryptoModule(PUBLIC_TEST_KEYS))

    assert other.differences(page.fields()) == [
        "ehealth_card_id", "valid", "safe_key", "protect_key",
    ]  # fmt: skip


async def test_the_page_holds_what_the_module_makes() -> None:
    page = await filling_page(SoftCryptoModule(OTHER_KEYS))

    assert page.mindex_id == sm3_upper(f"{page.id_type}{page.id_no}{page.name}".encode())


async def test_the_page_holds_no_key() -> None:
    text = str((await filling_page(SoftCryptoModule(OTHER_KEYS))).fields()).lower()

    assert OTHER_KEYS.safe_key.hex() not in text
    assert OTHER_KEYS.protect_key.hex() not in text
