"""Who is let in, and how sessions are held: decisions without a server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Final

import pytest

from openehc.crypto.remote.calls import Call
from openehc.crypto.remote.session import SessionKeys
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.proxy.model import Caller, Reason
from openehc.proxy.rules import (
    WINDOW,
    UnfitCaller,
    denial_of_caller,
    fit_calls,
    fit_name,
    fit_networks,
    timely,
)
from openehc.proxy.sessions import LIFETIME_SECONDS, MOST_OF_ONE_CALLER, Sessions
from openehc.proxy.store import wanted_machines

NOW: Final = datetime(2026, 3, 1, tzinfo=UTC)
CALLER: Final = Caller(
    "card", Sm2PrivateKey.generate().public, frozenset({Call.CHECK_VALID}),
    (ip_network("10.1.0.0/24"), ip_network("fd00::/8")), allowed_at=NOW,
)  # fmt: skip


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("10.1.0.9", None), ("fd00::1", None), ("10.1.1.9", Reason.SOURCE_WRONG),
        ("fe80::1", Reason.SOURCE_WRONG),
    ],
)  # fmt: skip
def test_a_caller_is_let_in_from_its_networks_only(source: str, reason: Reason | None) -> None:
    denial = denial_of_caller(CALLER, source=ip_address(source))

    assert (denial.reason if denial else None) is reason


def test_a_revoked_caller_is_refused_wherever_it_is() -> None:
    denial = denial_of_caller(replace(CALLER, revoked_at=NOW), source=ip_address("10.1.0.9"))

    assert denial is not None
    assert denial.reason is Reason.CALLER_REVOKED


@pytest.mark.parametrize(
    ("off", "expected"),
    [(WINDOW, True), (-WINDOW, True), (WINDOW + timedelta(milliseconds=1), False),
     (-WINDOW - timedelta(milliseconds=1), False)],
)  # fmt: skip
def test_a_time_counts_within_a_minute_of_ours(off: timedelta, *, expected: bool) -> None:
    assert timely(NOW + off, now=NOW) is expected


@pytest.mark.parametrize("name", ["", "a b", "-a", "a" * 65, "名", "a\n"])
def test_a_name_that_a_log_could_be_fooled_with_is_refused(name: str) -> None:
    with pytest.raises(UnfitCaller):
        fit_name(name)


def test_an_entry_says_which_calls_there_are() -> None:
    with pytest.raises(UnfitCaller, match="check_valid"):
        fit_calls(["fly"])
    with pytest.raises(UnfitCaller):
        fit_calls([])


@pytest.mark.parametrize("words", [[], ["10.1.0.1/24"], ["here"], ["10.0.0.0/8"] * 65])
def test_networks_are_written_as_such(words: list[str]) -> None:
    with pytest.raises(UnfitCaller):
        fit_networks(words)


def keys(number: int) -> SessionKeys:
    return SessionKeys(b"s" * 32, session=number.to_bytes(16, "big"), transcript=b"")


class TestSessions:
    def test_a_caller_that_opens_too_many_loses_its_oldest_and_nobody_elses(self) -> None:
        sessions = Sessions()
        sessions.open(keys(0), caller=b"other", now=NOW)
        for number in range(1, MOST_OF_ONE_CALLER + 2):
            sessions.open(keys(number), caller=b"greedy", now=NOW)

        held = [sessions.find(keys(number).session, now=NOW) is not None for number in (0, 1, 2)]

        assert held == [True, False, True]

    def test_a_session_that_is_over_is_forgotten_when_another_is_opened(self) -> None:
        sessions = Sessions()
        sessions.open(keys(1), caller=b"a", now=NOW)

        sessions.open(keys(2), caller=b"b", now=NOW + timedelta(seconds=LIFETIME_SECONDS))

        assert len(sessions) == 1

    def test_a_nonce_is_remembered_as_long_as_its_hello_could_come_again(self) -> None:
        sessions = Sessions()
        outcomes = [
            sessions.first_hello(b"n", now=NOW + after)
            for after in (timedelta(0), 2 * WINDOW, 4 * WINDOW + timedelta(seconds=1))
        ]

        assert outcomes == [True, False, True]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["a", "b"]), ({"c": True}, ["a", "b", "c"]), ({"a": False}, ["b"]),
        ({"c": False}, ["a", "b"]), ({"a": True}, ["a", "b"]),
        ({"a": False, "c": True}, ["b", "c"]),
    ],
)  # fmt: skip
def test_the_machines_of_the_setting_serve_with_what_changed_since(
    changes: dict[str, bool], expected: list[str]
) -> None:
    told = {(host, 8018): wanted for host, wanted in changes.items()}

    wanted = wanted_machines([("a", 8018), ("b", 8018), ("a", 8018)], told)

    assert [host for host, _ in wanted] == expected
