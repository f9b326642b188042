"""Which machine is chosen, and how a sick one goes and comes back."""

from dataclasses import dataclass

from openehc.crypto.module.balancing import (
    HEALTHY,
    EjectionRules,
    Standing,
    after_failed_probe,
    after_failure,
    after_good_heartbeat,
    after_success,
    chosen,
    hurried,
)

RULES = EjectionRules(failures=3, first_pause=1.0, longest_pause=5.0)
NOBODY: frozenset[int] = frozenset()
EJECTED = Standing(ejections=1, ejected_until=10.0)


@dataclass(frozen=True, slots=True)
class Candidate:
    number: int
    standing: Standing
    outstanding: int
    last_chosen: int


def machine(
    number: int, *, outstanding: int = 0, last_chosen: int = 0, standing: Standing = HEALTHY
) -> Candidate:
    return Candidate(number, standing, outstanding, last_chosen)


def after_failures(count: int, *, standing: Standing = HEALTHY) -> Standing:
    for _ in range(count):
        standing = after_failure(standing, now=100.0, rules=RULES)
    return standing


class TestChoice:
    def test_is_the_least_busy(self) -> None:
        picked = chosen([machine(1, outstanding=2), machine(2, outstanding=1)], tried=NOBODY)

        assert picked is not None
        assert picked.number == 2

    def test_among_equals_is_the_longest_unused(self) -> None:
        picked = chosen([machine(1, last_chosen=8), machine(2, last_chosen=5)], tried=NOBODY)

        assert picked is not None
        assert picked.number == 2

    def test_leaves_out_who_was_tried(self) -> None:
        picked = chosen([machine(1), machine(2, outstanding=9)], tried=frozenset({1}))

        assert picked is not None
        assert picked.number == 2

    def test_leaves_out_who_does_not_serve(self) -> None:
        assert chosen([machine(1, standing=EJECTED)], tried=NOBODY) is None

    def test_of_nobody_is_nobody(self) -> None:
        assert chosen([], tried=NOBODY) is None


class TestEjection:
    def test_fewer_failures_than_the_rule_leave_it_in_service(self) -> None:
        assert after_failures(2).serves

    def test_enough_failures_eject_it_for_the_first_pause(self) -> None:
        assert after_failures(3).ejected_until == 101.0

    def test_a_success_between_failures_forgets_them(self) -> None:
        standing = after_success(after_failures(2))

        assert after_failures(2, standing=standing).serves

    def test_calls_that_were_under_way_do_not_lengthen_the_pause(self) -> None:
        assert after_failure(EJECTED, now=9.0, rules=RULES) == EJECTED

    def test_a_call_that_still_ends_well_does_not_bring_it_back(self) -> None:
        assert after_success(EJECTED) == EJECTED

    def test_each_failed_probe_doubles_the_pause(self) -> None:
        standing = after_failed_probe(EJECTED, now=10.0, rules=RULES)

        assert standing.ejected_until == 12.0

    def test_the_pause_has_a_longest(self) -> None:
        weary = Standing(ejections=5_000, ejected_until=10.0)

        assert after_failed_probe(weary, now=10.0, rules=RULES).ejected_until == 15.0


class TestAlone:
    def test_a_long_pause_is_cut_short_while_no_other_serves(self) -> None:
        weary = Standing(ejections=9, ejected_until=105.0)

        assert hurried(weary, now=100.0, rules=RULES).ejected_until == 101.0

    def test_a_short_pause_stays_as_it_is(self) -> None:
        tried = Standing(ejections=1, ejected_until=100.5)

        assert hurried(tried, now=100.0, rules=RULES) == tried

    def test_one_that_serves_has_no_pause(self) -> None:
        assert hurried(HEALTHY, now=100.0, rules=RULES) == HEALTHY


class TestReturn:
    def test_a_good_heartbeat_brings_it_back(self) -> None:
        assert after_good_heartbeat(EJECTED).serves

    def test_one_that_only_beats_waits_longer_the_next_time(self) -> None:
        back = after_good_heartbeat(EJECTED)

        assert after_failures(3, standing=back).ejected_until == 102.0

    def test_one_that_answers_again_starts_afresh(self) -> None:
        back = after_success(after_good_heartbeat(EJECTED))

        assert after_failures(3, standing=back).ejected_until == 101.0
