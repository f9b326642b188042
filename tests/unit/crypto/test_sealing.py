"""Sealed profiles and blind indexes."""

from itertools import combinations

import pytest

from openehc.crypto.sealing import BlindIndexer, ProfileSealer, SealKeyUnknown
from openehc.crypto.sm4 import SealBroken
from tests.support.counted_entropy import CountedEntropy
from tests.support.crypto_oracle import oracle_hmac

KEYS = {1: bytes(range(16)), 2: bytes(range(16, 32))}
PROFILE = '{"name":"测试甲"}'.encode()


@pytest.fixture
def sealer() -> ProfileSealer:
    return ProfileSealer(KEYS, current=2)


@pytest.fixture
def indexer() -> BlindIndexer:
    return BlindIndexer(bytes(range(32)))


def test_a_sealed_profile_opens_in_its_row(sealer: ProfileSealer) -> None:
    sealed = sealer.seal(PROFILE, row=b"row 1", entropy=CountedEntropy())

    assert sealer.open(sealed.content, row=b"row 1") == PROFILE


def test_a_sealed_profile_does_not_open_in_another_row(sealer: ProfileSealer) -> None:
    sealed = sealer.seal(PROFILE, row=b"row 1", entropy=CountedEntropy())

    with pytest.raises(SealBroken):
        sealer.open(sealed.content, row=b"row 2")


def test_the_layout_is_version_nonce_text_and_tag(sealer: ProfileSealer) -> None:
    nonce = CountedEntropy().bytes(12)

    sealed = sealer.seal(PROFILE, row=b"row 1", entropy=CountedEntropy())

    assert sealed.key_version == 2
    assert sealed.content[:14] == b"\0\2" + nonce
    assert len(sealed.content) == 2 + 12 + len(PROFILE) + 16


def test_two_seals_of_one_profile_differ(sealer: ProfileSealer) -> None:
    entropy = CountedEntropy()

    first = sealer.seal(PROFILE, row=b"row 1", entropy=entropy)

    assert first != sealer.seal(PROFILE, row=b"row 1", entropy=entropy)


def test_a_value_under_an_older_key_still_opens(sealer: ProfileSealer) -> None:
    old = ProfileSealer(KEYS, current=1).seal(PROFILE, row=b"row 1", entropy=CountedEntropy())

    assert sealer.open(old.content, row=b"row 1") == PROFILE


def test_a_version_cannot_be_relabelled_even_when_the_keys_are_equal() -> None:
    twins = ProfileSealer({1: KEYS[1], 2: KEYS[1]}, current=1)
    sealed = twins.seal(PROFILE, row=b"row 1", entropy=CountedEntropy())

    with pytest.raises(SealBroken):
        twins.open(b"\0\2" + sealed.content[2:], row=b"row 1")


@pytest.mark.parametrize("content", [b"", b"\0", b"\0\3" + bytes(40)])
def test_a_version_that_is_not_held_is_named_as_such(sealer: ProfileSealer, content: bytes) -> None:
    with pytest.raises(SealKeyUnknown):
        sealer.open(content, row=b"row 1")


@pytest.mark.parametrize(
    ("keys", "current"), [({1: KEYS[1]}, 2), ({65536: KEYS[1]}, 65536), ({-1: KEYS[1]}, -1)]
)
def test_versions_that_cannot_be_written_are_refused(keys: dict[int, bytes], current: int) -> None:
    with pytest.raises(ValueError, match="versions"):
        ProfileSealer(keys, current=current)


def test_equal_values_have_equal_indexes_and_other_keys_other_ones(indexer: BlindIndexer) -> None:
    again, other = BlindIndexer(bytes(range(32))), BlindIndexer(bytes(32))

    assert indexer.name("测试甲") == again.name("测试甲") != other.name("测试甲")


def test_an_index_is_a_cut_mac_of_kind_and_value(indexer: BlindIndexer) -> None:
    message = b"phone\0" + (5).to_bytes(4, "big") + b"12345"

    assert indexer.phone("12345") == oracle_hmac(bytes(range(32)), message)[:16]


def test_kinds_and_parts_are_kept_apart(indexer: BlindIndexer) -> None:
    indexes = [
        indexer.phone("0112"),
        indexer.name("0112"),
        indexer.document("01", "12"),
        indexer.document("011", "2"),
        indexer.card("01", "12"),
    ]

    assert all(one != other for one, other in combinations(indexes, 2))


def test_a_short_index_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes or more"):
        BlindIndexer(bytes(15))


def test_the_index_key_does_not_show(indexer: BlindIndexer) -> None:
    assert repr(indexer) == "BlindIndexer(***)"
