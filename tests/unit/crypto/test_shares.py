"""Keys in parts: enough parts give the key back, anything else says what is wrong with it."""

import pytest

from openehc.crypto.shares import (
    Component,
    ShareDamaged,
    ShareMistyped,
    ShareOfAnotherSet,
    ShareRepeated,
    SharesDoNotFit,
    SharesTooFew,
    agrees,
    check_value,
    join_components,
    join_shares,
    read_component,
    read_share,
    split_into_components,
    split_into_shares,
)
from openehc.crypto.sm3 import hmac_sm3
from openehc.crypto.sm4 import EcbCipher
from tests.support.counted_entropy import CountedEntropy

KEY = bytes(range(16))
LONG_KEY = bytes(range(32))

# From the published vectors of SLIP-39 (a share of one; the library's own key, not ours).
PUBLISHED = (
    "duckling enlarge academic academic agency result length solution fridge kidney coal piece"
    " deal husband erode duke ajar critical decision keyboard"
)


def shares(key: bytes = KEY, *, needed: int = 3, count: int = 5, seed: bytes = b"") -> list[str]:
    return list(split_into_shares(key, needed=needed, count=count, entropy=CountedEntropy(seed)))


def components(key: bytes = KEY, *, count: int = 3) -> list[Component]:
    return list(split_into_components(key, count=count, entropy=CountedEntropy()))


@pytest.mark.parametrize("key", [KEY, LONG_KEY, bytes(16), b"\xff" * 32])
@pytest.mark.parametrize("chosen", [(0, 1, 2), (4, 2, 0), (1, 3, 4)])
def test_any_three_of_five_shares_give_the_key(key: bytes, chosen: tuple[int, ...]) -> None:
    cut = shares(key)

    assert join_shares([cut[at] for at in chosen]) == key


def test_more_shares_than_needed_give_the_key() -> None:
    assert join_shares(shares()) == KEY


def test_a_share_may_be_typed_in_capitals_and_over_several_lines() -> None:
    cut = shares(needed=2, count=2)

    assert join_shares([cut[0].upper().replace(" ", "\n"), cut[1]]) == KEY


def test_a_share_says_its_place_and_how_many_are_needed() -> None:
    marks = [read_share(words) for words in shares()]

    assert [(mark.place, mark.needed) for mark in marks] == [(at, 3) for at in range(1, 6)]


def test_all_shares_of_a_cutting_name_one_set() -> None:
    assert len({read_share(words).set_number for words in shares()}) == 1


def test_two_shares_of_three_are_too_few() -> None:
    with pytest.raises(SharesTooFew, match="3 shares are needed, 2 were given"):
        join_shares(shares()[:2])


def test_no_share_is_too_few() -> None:
    with pytest.raises(SharesTooFew):
        join_shares([])


def test_a_repeated_share_is_named_as_such() -> None:
    cut = shares()

    with pytest.raises(ShareRepeated):
        join_shares([cut[0], cut[1], cut[0]])


def test_a_share_of_another_set_is_named_as_such() -> None:
    with pytest.raises(ShareOfAnotherSet, match="different sets"):
        join_shares([*shares()[:2], shares(seed=b"other")[2]])


def test_a_share_of_another_set_of_the_same_number_gives_no_key() -> None:
    forged = shares(bytes(16))  # the same entropy: the same number

    with pytest.raises(SharesDoNotFit, match="give no key"):
        join_shares([*shares()[:2], forged[2]])


@pytest.mark.parametrize("at", [3, 4])
def test_a_forged_further_share_is_noticed(at: int) -> None:
    given = shares()
    given[at] = shares(bytes(16))[at]

    with pytest.raises(SharesDoNotFit):
        join_shares(given)


def test_a_word_that_is_not_in_the_list_is_told_by_its_number() -> None:
    words = shares()[0].split()
    words[6] = "openehc"

    with pytest.raises(ShareMistyped, match="number 7"):
        read_share(" ".join(words))


def test_the_text_of_an_error_holds_no_word_of_the_share() -> None:
    words = shares()[0].split()
    words[6] = "secretword"

    with pytest.raises(ShareMistyped) as told:
        read_share(" ".join(words))

    assert "secretword" not in str(told.value)


def test_a_lost_word_is_told_by_the_length() -> None:
    with pytest.raises(ShareMistyped, match="has 19"):
        read_share(" ".join(shares()[0].split()[:-1]))


@pytest.mark.parametrize("at", range(0, 20, 3))
def test_a_wrong_word_of_the_list_is_damage(at: int) -> None:
    words = shares()[0].split()
    words[at] = "academic" if words[at] != "academic" else "acid"

    with pytest.raises(ShareDamaged):
        read_share(" ".join(words))


def test_two_words_in_the_wrong_order_are_damage() -> None:
    words = shares()[0].split()
    words[8], words[9] = words[9], words[8]

    with pytest.raises(ShareDamaged):
        read_share(" ".join(words))


def test_a_published_share_is_read() -> None:
    assert read_share(PUBLISHED).needed == 1


@pytest.mark.parametrize(("needed", "count"), [(1, 1), (1, 3), (4, 3), (2, 17), (0, 2)])
def test_numbers_of_shares_that_protect_nothing_are_refused(needed: int, count: int) -> None:
    with pytest.raises(ValueError):
        shares(needed=needed, count=count)


@pytest.mark.parametrize("size", [0, 15, 24, 33])
def test_keys_of_another_size_are_not_cut(size: int) -> None:
    with pytest.raises(ValueError):
        shares(bytes(size))


# ---------------------------------------------------------------- components


@pytest.mark.parametrize("key", [KEY, LONG_KEY])
def test_all_components_together_give_the_key(key: bytes) -> None:
    assert join_components(components(key), check=check_value(key)) == key


def test_a_component_is_typed_with_blanks_and_its_check_value() -> None:
    part = components()[0]
    text = " ".join(part.value.hex()[at : at + 4] for at in range(0, 32, 4))

    assert read_component(text, check=part.check[:6].lower()) == part


def test_a_mistyped_component_does_not_give_its_check_value() -> None:
    part = components()[0]

    with pytest.raises(ShareDamaged):
        read_component("00" + part.value.hex()[2:], check=part.check)


@pytest.mark.parametrize("text", ["", "0g" * 16, "00" * 15, "00" * 17])
def test_what_is_no_component_is_told_as_mistyped(text: str) -> None:
    with pytest.raises(ShareMistyped):
        read_component(text, check="0" * 16)


def test_a_missing_component_is_noticed() -> None:
    with pytest.raises(SharesDoNotFit, match="missing"):
        join_components(components()[:2], check=check_value(KEY))


def test_one_component_is_too_few() -> None:
    with pytest.raises(SharesTooFew):
        join_components(components()[:1], check=check_value(KEY))


def test_a_component_given_twice_is_noticed() -> None:
    parts = components()

    with pytest.raises(ShareRepeated):
        join_components([parts[0], parts[1], parts[0]], check=check_value(KEY))


def test_components_of_keys_of_two_lengths_are_noticed() -> None:
    with pytest.raises(ShareOfAnotherSet):
        join_components([components()[0], components(LONG_KEY)[1]], check=check_value(KEY))


@pytest.mark.parametrize("count", [1, 9])
def test_numbers_of_components_have_their_limits(count: int) -> None:
    with pytest.raises(ValueError):
        components(count=count)


def test_a_component_does_not_show() -> None:
    part = components()[0]

    assert part.value.hex() not in repr(part)


# ---------------------------------------------------------------- check values


def test_the_check_value_of_a_module_key_is_what_machines_show() -> None:
    assert check_value(KEY) == EcbCipher(KEY).encrypt(bytes(16)).hex().upper()[:16]


def test_the_check_value_of_a_sealing_key_gives_nothing_of_its_seal_away() -> None:
    """The block of zeros under a key of SM4-GCM is what its seals are computed with."""
    assert check_value(KEY, domain="sealing-key") != check_value(KEY)


def test_the_check_value_of_a_long_key_is_a_keyed_hash() -> None:
    expected = hmac_sm3(LONG_KEY, b"openehc key check value\0").hex().upper()[:16]

    assert check_value(LONG_KEY) == expected


@pytest.mark.parametrize(
    ("told", "right"),
    [("0123456789ABCDEF", True), ("012345", True), ("0123 45", True), ("01234", False),
     ("", False), ("012346", False)],
)  # fmt: skip
def test_a_check_value_counts_from_six_characters_on(told: str, *, right: bool) -> None:
    assert agrees("0123456789ABCDEF", told) is right
