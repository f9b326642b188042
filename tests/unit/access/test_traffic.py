"""Rate, quota and networks of an application, as one worker counts them."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from openehc.access.model import Limits
from openehc.access.traffic import MOST_KNOCKS, Knock, Traffic, Used
from openehc.kernel.refusal import Reason, Refusal

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
TODAY = NOON.date()


def admitted(traffic: Traffic, limits: Limits, count: int, *, at: datetime = NOON,
             peer: str = "10.1.2.3") -> int:  # fmt: skip
    answers = [traffic.admit("app", limits, peer=peer, now=at) for _ in range(count)]
    return answers.count(None)


def reason_of(answer: Refusal | None) -> Reason:
    assert answer is not None
    return answer.reason


def test_an_application_without_limits_is_only_counted() -> None:
    traffic = Traffic()

    answers = [traffic.admit("app", None, peer="", now=NOON) for _ in range(3)]

    assert (answers, traffic.drain()[0]) == ([None] * 3, [Used("app", 3, None)])


def test_a_second_lets_through_what_the_limit_says() -> None:
    traffic, limits = Traffic(), Limits(rate_limit=10)

    at_once = admitted(traffic, limits, 50)
    later = admitted(traffic, limits, 50, at=NOON + timedelta(seconds=0.5))

    assert (at_once, later) == (10, 5)


def test_a_refused_request_says_that_the_rate_is_exceeded() -> None:
    traffic, limits = Traffic(), Limits(rate_limit=1)
    admitted(traffic, limits, 1)

    assert reason_of(traffic.admit("app", limits, peer="", now=NOON)) is Reason.RATE_EXCEEDED


def test_two_workers_share_the_limit_by_what_each_of_them_had() -> None:
    limits = Limits(rate_limit=100)
    busy, idle = Traffic(workers=2), Traffic(workers=2)
    for worker in (busy, idle):
        worker.learn(TODAY, [Used("app", 0, None)], {"app": 0})
    admitted(busy, limits, 75)
    admitted(idle, limits, 25)
    for worker, own in ((busy, 75), (idle, 25)):
        used, _ = worker.drain()
        assert used[0].calls == own
        worker.learn(TODAY, used, {"app": 100})

    later = NOON + timedelta(seconds=10)
    through = [admitted(worker, limits, 500, at=later) for worker in (busy, idle)]

    # the idle one keeps an equal share, so that a client that moves to it is not shut out
    assert through == [75, 50]


def test_a_client_on_one_connection_gets_its_whole_limit() -> None:
    traffic, limits = Traffic(workers=8), Limits(rate_limit=80)
    traffic.learn(TODAY, [Used("app", 0, None)], {"app": 0})
    admitted(traffic, limits, 80)
    used, _ = traffic.drain()
    traffic.learn(TODAY, used, {"app": 80})

    assert admitted(traffic, limits, 200, at=NOON + timedelta(seconds=5)) == 80


def test_the_quota_counts_what_other_workers_admitted() -> None:
    traffic, limits = Traffic(), Limits(daily_quota=100)
    traffic.learn(TODAY, [], {"app": 98})

    assert admitted(traffic, limits, 10) == 2
    assert reason_of(traffic.admit("app", limits, peer="", now=NOON)) is Reason.QUOTA_USED


def test_the_quota_begins_anew_at_midnight_in_china() -> None:
    traffic, limits = Traffic(), Limits(daily_quota=5)
    traffic.learn(TODAY, [], {"app": 5})

    before = admitted(traffic, limits, 1, at=datetime(2026, 3, 2, 15, 59, 59, tzinfo=UTC))
    after = admitted(traffic, limits, 9, at=datetime(2026, 3, 2, 16, 0, tzinfo=UTC))

    assert (before, after) == (0, 5)


@pytest.mark.parametrize(
    ("peer", "answer"),
    [
        ("10.1.2.3", "let in"), ("::ffff:10.1.2.3", "let in"), ("10.2.0.1", "refused"),
        ("2001:db8::7", "let in"),
        ("2001:db9::7", "refused"), ("", "refused"), ("no address", "refused"),
    ],
)  # fmt: skip
def test_only_the_listed_networks_are_let_in(peer: str, answer: str) -> None:
    networks = (ip_network("10.1.0.0/16"), ip_network("2001:db8::/32"))

    refusal = Traffic().admit("app", Limits(networks=networks), peer=peer, now=NOON)

    found = "let in" if refusal is None else "refused"
    assert found == answer
    assert refusal in (None, Refusal(Reason.NETWORK_FORBIDDEN))


@pytest.mark.parametrize(
    ("shown", "answer"), [("aa", "let in"), ("bb", "let in"), ("cc", "refused"), ("", "refused")]
)
def test_only_its_own_certificates_are_let_in(shown: str, answer: str) -> None:
    traffic, limits = Traffic(), Limits(certificates=frozenset({"aa", "bb"}))

    refusal = traffic.admit("app", limits, peer="", now=NOON, certificate=shown)

    assert ("refused" if refusal else "let in") == answer
    assert refusal in (None, Refusal(Reason.CERTIFICATE_FORBIDDEN))
    assert traffic.calls == ({} if refusal else {"app": 1})


def test_a_refused_certificate_uses_nothing_up_and_is_a_knock() -> None:
    traffic, limits = Traffic(), Limits(daily_quota=1, certificates=frozenset({"aa"}))

    for shown in ("cc", "aa"):
        refusal = traffic.admit("app", limits, peer="", now=NOON, certificate=shown)
        if refusal:
            traffic.refused("app", refusal.reason)

    used, knocks = traffic.drain()
    assert [one.calls for one in used] == [1]
    assert knocks == {Knock("app", "certificate_forbidden"): 1}


def test_a_success_is_remembered_until_it_was_told() -> None:
    traffic = Traffic()
    traffic.succeeded("app", NOON)

    assert traffic.drain()[0] == [Used("app", 0, NOON)]
    assert traffic.drain()[0] == []


def test_strangers_do_not_fill_the_memory() -> None:
    traffic = Traffic()
    for number in range(10 * MOST_KNOCKS):
        traffic.refused(f"stranger-{number}" + "x" * 100, Reason.APP_UNKNOWN)
    traffic.refused("stranger-0" + "x" * 100, Reason.APP_UNKNOWN)

    knocks = traffic.drain()[1]

    assert len(knocks) == MOST_KNOCKS
    assert max(len(knock.app_id) for knock in knocks) == 64
    assert max(knocks.values()) == 2


def test_a_wrong_field_is_no_knock() -> None:
    traffic = Traffic()
    traffic.refused("app", Reason.FIELDS_WRONG)

    assert traffic.drain()[1] == {}
