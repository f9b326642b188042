"""The permission matrix: every kind of caller against every call (材料一 9.5).

The proxy is a real HTTP server here, and every cell one call of a module over it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest

from openehc.crypto.module.port import CryptoModule
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.crypto.remote.calls import Call
from openehc.crypto.remote.lane import Party
from openehc.crypto.remote.module import NotPermitted, ProxyCryptoModule
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.kernel.refusal import CryptoModuleDown
from openehc.proxy.model import Result
from tests.support.front_proxy import ALLOWED_AT, PATIENT, FrontProxy, front_proxy

MATRIX: Final = """
                    card  registers  shows  verifies  watches  unknown  revoked  elsewhere
make_mindex_id      yes   yes        no     no        no       -        -        -
make_ehcid          yes   yes        no     no        no       -        -        -
open_ehcid          yes   no         no     no        no       -        -        -
make_valid          yes   no         yes    no        no       -        -        -
check_valid         yes   no         no     yes       no       -        -        -
health              yes   no         no     no        yes      -        -        -
device_information  yes   no         no     no        yes      -        -        -
key_check_values    yes   no         no     no        no       -        -        -
"""
"""yes: answered; no: this call is refused, others are not; -: nothing is answered at all."""

SOFT: Final = SoftCryptoModule(PUBLIC_TEST_KEYS)
EXPIRES: Final = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
MINDEX: Final = "0123456789ABCDEF" * 4
EHCID: Final = bytes(range(32))
VALID: Final = "92FD69141DFE1553A42251E2B0196148"

CALLS: Final[Mapping[Call, Callable[[CryptoModule], Awaitable[object]]]] = {
    Call.MAKE_MINDEX_ID: lambda module: module.make_mindex_id("99", "1", "测试甲"),
    Call.MAKE_EHCID: lambda module: module.make_ehcid("99", "1", MINDEX),
    Call.OPEN_EHCID: lambda module: module.open_ehcid(EHCID, MINDEX),
    Call.MAKE_VALID: lambda module: module.make_valid(EXPIRES),
    Call.CHECK_VALID: lambda module: module.open_valid(VALID),
    Call.DEVICE_INFORMATION: lambda module: module.device_information(),
    Call.KEY_CHECK_VALUES: lambda module: module.key_check_values(),
}


def _cells() -> list[tuple[str, Call, str]]:
    """Caller, call and what is to happen, for every cell."""
    heading, *rows = MATRIX.strip("\n").splitlines()
    callers = heading.split()
    return [
        (caller, Call(words[0]), expected)
        for words in map(str.split, rows)
        for caller, expected in zip(callers, words[1:], strict=True)
    ]


CELLS: Final = _cells()


def _granted(caller: str) -> frozenset[Call]:
    return frozenset(call for name, call, expected in CELLS if (name, expected) == (caller, "yes"))


def _party(proxy: FrontProxy, caller: str) -> Party:
    """The caller of this kind, entered on the list as its kind wants."""
    if caller == "unknown":
        return proxy.party(Sm2PrivateKey.generate())
    if caller == "elsewhere":
        return proxy.allow(caller, networks=("10.9.0.0/16",))
    if caller == "revoked":
        party = proxy.allow(caller)
        proxy.put(replace(proxy.callers[caller], revoked_at=ALLOWED_AT))
        return party
    return proxy.allow(caller, calls=_granted(caller))


def test_the_matrix_has_a_row_for_every_call() -> None:
    assert {call for _, call, _ in CELLS} == set(Call)


@pytest.mark.requirement("G1-9.5-8", "G1-9.5-10", "G1-9.5-5")
@pytest.mark.parametrize(
    ("caller", "call", "expected"),
    [cell for cell in CELLS if cell[1] in CALLS],
    ids=str,
)
async def test_a_caller_makes_the_calls_that_it_was_granted_and_no_other(
    caller: str, call: Call, expected: str
) -> None:
    async with front_proxy(SOFT) as proxy:
        proxy.allow("somebody else")  # so that this network is expected at all
        module = ProxyCryptoModule(_party(proxy, caller), lanes=1, patience=PATIENT)
        try:
            outcome = await CALLS[call](module)
        except NotPermitted:
            outcome = "no"
        except CryptoModuleDown:
            outcome = "-"
        await module.close()

    assert outcome == (await _told_by_the_module(call) if expected == "yes" else expected)
    assert [one.result is Result.NOT_PERMITTED for one in proxy.kept.records] == (
        [] if expected == "-" else [expected == "no"]
    )


async def _told_by_the_module(call: Call) -> object:
    return await CALLS[call](SOFT)


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        ("card", "alive: behind the front proxy, soft"),
        ("watches", "alive: behind the front proxy, soft"),
        ("verifies", "alive: the front proxy answers; it does not tell this node"),
        ("revoked", "down: the front proxy refuses this node: its log says why"),
    ],
)
async def test_a_node_that_may_not_ask_for_health_still_sees_that_the_proxy_answers(
    caller: str, expected: str
) -> None:
    async with front_proxy(SOFT) as proxy:
        proxy.allow("somebody else")
        module = ProxyCryptoModule(_party(proxy, caller), lanes=1, patience=PATIENT)
        health = await module.health()
        await module.close()

    state = "alive" if health.alive else "down"
    assert f"{state}: {health.detail}".startswith(expected)
