"""No sequence of acts breaks the life of an entry or of a finding; numbers read back."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from openehc.access import findings, rules
from openehc.access.entry_rules import component_of, is_major_change
from openehc.access.model import Standing
from openehc.access.numbers import compose_ehcappid, counter_of, parse_ehcappid
from openehc.access.rules import FROM, TO, Act, after, works
from openehc.kernel.refusal import Reason, Refusal
from openehc.spec import load

ACTS = st.lists(st.sampled_from(sorted(Act)), max_size=30)
EHCINS = st.from_regex(r"[0-9]{4}[A-FX][0-9]{3}[1-9]", fullmatch=True)


def walked(acts: list[Act]) -> list[tuple[Act, Standing]]:
    """The acts that were possible one after the other, each with where it led."""
    standing, path = Standing.APPLIED, []
    for act in acts:
        led = after(act, standing)
        if isinstance(led, Standing):
            standing = led
            path.append((act, led))
    return path


def test_every_act_has_a_name_that_history_can_show() -> None:
    assert set(rules.ACTS) == set(Act)


@given(ACTS)
def test_nothing_works_that_was_not_approved(acts: list[Act]) -> None:
    path = walked(acts)

    working = [n for n, (_, standing) in enumerate(path) if standing is Standing.ACTIVE]

    assert all(Act.APPROVE in [act for act, _ in path[: n + 1]] for n in working)


@given(ACTS)
def test_nobody_comes_back_from_the_black_list_but_by_being_restored(acts: list[Act]) -> None:
    path = [(Act.APPLY, Standing.APPLIED), *walked(acts)]

    left = [
        act
        for (_, before), (act, now) in pairwise(path)
        if before is Standing.BLACKLISTED and now is not Standing.BLACKLISTED
    ]

    assert set(left) <= {Act.RESTORE, Act.EXIT}


@given(st.sampled_from(sorted(Act)), st.sampled_from(sorted(Standing)))
def test_an_act_leads_where_the_table_says_or_is_refused(act: Act, standing: Standing) -> None:
    led = after(act, standing)

    if standing in FROM[act]:
        assert led in {TO.get(act, standing), Standing.APPLIED}
    else:
        assert isinstance(led, Refusal)
        assert led.reason is Reason.STATE_FORBIDS


@given(st.lists(st.sampled_from(sorted(Standing)), min_size=1, max_size=3))
def test_something_works_only_where_everything_above_it_does(standings: list[Standing]) -> None:
    assert works(*standings) == all(standing is Standing.ACTIVE for standing in standings)


@given(EHCINS, st.sampled_from("ABCDEFX"), st.integers(1, 9999), st.sampled_from(
    [entry.code for entry in load().dictionary("app_channel").entries]
))  # fmt: skip
def test_a_composed_number_reads_back(ehcin: str, owner: str, serial: int, channel: str) -> None:
    component = component_of(channel)

    number = compose_ehcappid(ehcin, component=component, owner=owner, serial=serial)

    assert parse_ehcappid(number) == number
    assert counter_of(number) == (ehcin, component, owner, serial)
    assert load().dictionary("component_type").has(component)


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_only_x_and_y_make_a_major_version(x: int, y: int, z: int, other: int) -> None:
    assert not is_major_change(f"{x}.{y}.{z}", f"{x}.{y}.{other}")
    assert is_major_change(f"{x}.{y}", f"{x}.{y + 1 + other}")
    assert is_major_change(f"{x}.{y}", f"{x + 1 + other}.{y}")


@given(st.lists(st.sampled_from(sorted(findings.Step)), max_size=20))
def test_a_finding_is_closed_only_after_it_was_corrected_or_dismissed(
    steps: list[findings.Step],
) -> None:
    state, path = findings.State.FOUND, []
    for step in steps:
        if state in findings.FROM[step]:
            state = findings.TO[step]
            path.append(step)

    if state is findings.State.RETURNED:
        assert path[-2:] == [findings.Step.CORRECT, findings.Step.CLOSE]
    if state not in findings.OPEN:
        assert path[-1] in {findings.Step.CLOSE, findings.Step.DISMISS}
