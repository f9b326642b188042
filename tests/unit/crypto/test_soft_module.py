"""The module in software: its keys, and what only it promises."""

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from openehc.crypto.module.port import ModuleKind
from openehc.crypto.module.soft import (
    PUBLIC_TEST_KEYS,
    ModuleKeys,
    SoftCryptoModule,
    is_public_test_key,
)
from tests.support.crypto_modules import OTHER_KEYS


def first_step(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine returns without ever suspending."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value
    raise AssertionError("the coroutine suspended")


def test_no_call_suspends() -> None:
    module = SoftCryptoModule(PUBLIC_TEST_KEYS)

    mindex_id = first_step(module.make_mindex_id("99", "X", "测试甲"))
    ehcid = first_step(module.make_ehcid("99", "X", mindex_id))
    valid = first_step(module.make_valid(datetime(2026, 3, 1, tzinfo=UTC)))

    assert first_step(module.open_ehcid(ehcid, mindex_id)) is not None
    assert first_step(module.open_valid(valid)) is not None
    assert first_step(module.health()).kind is ModuleKind.SOFT
    assert first_step(module.key_check_values())


@pytest.mark.parametrize(
    "keys",
    [
        PUBLIC_TEST_KEYS,
        ModuleKeys(PUBLIC_TEST_KEYS.safe_key, OTHER_KEYS.protect_key),
        ModuleKeys(OTHER_KEYS.safe_key, PUBLIC_TEST_KEYS.protect_key),
        ModuleKeys(PUBLIC_TEST_KEYS.protect_key, OTHER_KEYS.protect_key),
    ],
    ids=["both", "safe key", "protect key", "exchanged"],
)
def test_one_public_key_is_enough_to_be_public(keys: ModuleKeys) -> None:
    assert is_public_test_key(keys)


def test_own_keys_are_not_public() -> None:
    assert not is_public_test_key(OTHER_KEYS)


def test_the_keys_do_not_show() -> None:
    shown = f"{OTHER_KEYS!r} {OTHER_KEYS}"

    assert OTHER_KEYS.safe_key.hex() not in shown.lower()
    assert repr(OTHER_KEYS.safe_key) not in shown


@pytest.mark.parametrize("sizes", [(15, 16), (16, 32)])
def test_keys_of_another_length_are_refused(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        ModuleKeys(bytes(sizes[0]), bytes(sizes[1]))
