"""A request that waits too long goes to another member as well; on a clock that leaps."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from openehc.crypto.module.balancing import EjectionRules
from openehc.crypto.module.group import Group, GroupRules, Member, MemberRefused
from openehc.crypto.module.hedging import Budget, HedgeRules
from openehc.kernel.refusal import CryptoModuleDown
from tests.support.leaping_loop import LeapingLoop, in_leaps

NEVER = 1e9
SAID = "an answer"
RULES = HedgeRules(seconds=0.3, share=0.1, saved=4)


class Puppet(Member):
    """Answers `needs` seconds after it was asked, or fails then with `failure`."""

    full = False
    idle = True

    def __init__(self, number: int, needs: float, failure: CryptoModuleDown | None = None) -> None:
        super().__init__(number=number)
        self.needs, self.failure = needs, failure
        self.asked = self.given_up = 0
        self.then: Callable[[], object] = lambda: None

    async def ask(self, request: str) -> str:
        self.asked += 1
        self.outstanding += 1
        try:
            await asyncio.sleep(self.needs)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        finally:
            self.outstanding -= 1
        if self.failure:
            raise self.failure
        self.then()
        return f"{request} {self.number}"

    def heartbeat_in(self, *, now: float) -> None:
        del now

    async def heartbeat(self) -> None:
        raise CryptoModuleDown("it is never well again")

    def drop_idle(self) -> None:
        pass

    async def leave(self) -> None:
        pass


class Puppets(Group[Puppet]):
    def __init__(self, members: Sequence[Puppet], *, answer_seconds: float = 60.0) -> None:
        super().__init__(
            GroupRules("puppet", CryptoModuleDown, EjectionRules(), answer_seconds, RULES)
        )
        for member in members:
            self._enter(member.number, member)


def puppets(*needs: float) -> list[Puppet]:
    return [Puppet(number, needed) for number, needed in enumerate(needs, 1)]


def loop_now() -> float:
    return asyncio.get_running_loop().time()


async def told_by(members: Sequence[Puppet], *, count: int = 1) -> tuple[list[str], float]:
    """So many requests, one after the other; and when the last one was answered."""
    group = Puppets(members)
    told = [await group.ask(SAID) for _ in range(count)]
    ended = loop_now()
    await group.close()
    return told, ended


class TestOvertaking:
    def test_one_that_hangs_costs_the_time_until_another_is_asked(self) -> None:
        told, ended = in_leaps(told_by(puppets(NEVER, 0.01)))

        assert (told, round(ended, 3)) == ([f"{SAID} 2"], 0.31)

    def test_of_three_two_may_hang(self) -> None:
        told, ended = in_leaps(told_by(puppets(NEVER, NEVER, 0.01)))

        assert (told, round(ended, 3)) == ([f"{SAID} 3"], 0.61)

    def test_the_first_one_may_still_win(self) -> None:
        first, second = puppets(0.35, 0.2)

        told, _ = in_leaps(told_by([first, second]))

        assert (told, second.asked, second.given_up) == ([f"{SAID} 1"], 1, 1)

    def test_who_answers_in_time_is_asked_alone(self) -> None:
        members = puppets(0.29, 0.29)

        in_leaps(told_by(members, count=10))

        assert [one.asked for one in members] == [5, 5]

    def test_the_only_member_is_waited_for(self) -> None:
        [only] = puppets(50.0)

        told, ended = in_leaps(told_by([only]))

        assert (told, round(ended, 3), only.asked) == ([f"{SAID} 1"], 50.0, 1)

    def test_the_last_one_noted_is_who_answered(self) -> None:
        async def story() -> list[int]:
            noted: list[int] = []
            group = Puppets(puppets(0.35, 1.0))
            await group.ask(SAID, note=lambda one: noted.append(one.number))
            await group.close()
            return noted

        assert in_leaps(story()) == [1, 2, 1]


class TestFailing:
    def test_the_other_one_is_waited_for_when_the_first_fails_late(self) -> None:
        first = Puppet(1, 0.4, CryptoModuleDown("broken"))

        told, _ = in_leaps(told_by([first, *puppets(NEVER, 0.5)[1:], Puppet(3, NEVER)]))

        assert told == [f"{SAID} 2"]

    def test_nothing_is_lost_when_the_other_one_fails(self) -> None:
        second = Puppet(2, 0.01, CryptoModuleDown("broken"))

        told, _ = in_leaps(told_by([*puppets(0.5), second]))

        assert told == [f"{SAID} 1"]

    def test_all_that_fail_are_told(self) -> None:
        members = [Puppet(number, 0.4, CryptoModuleDown("broken")) for number in (1, 2)]

        with pytest.raises(CryptoModuleDown, match="broken"):
            in_leaps(told_by(members))

    def test_a_no_that_another_one_does_not_share_counts_as_failure(self) -> None:
        refusing = Puppet(1, 0.4, MemberRefused("no keys"))
        second = Puppet(2, 0.2)

        told, _ = in_leaps(told_by([refusing, second]))

        assert (told, refusing.standing.failures) == ([f"{SAID} 2"], 1)

    def test_nobody_waits_longer_than_a_request_may_take(self) -> None:
        async def story() -> float:
            group = Puppets(puppets(NEVER, NEVER), answer_seconds=3.0)
            with pytest.raises(CryptoModuleDown, match=r"within 3\.0 s"):
                await group.ask(SAID)
            await group.close()
            return loop_now()

        assert round(in_leaps(story()), 3) == 3.0

    def test_a_request_that_is_given_up_is_given_up_everywhere_and_blames_nobody(self) -> None:
        members = puppets(NEVER, NEVER)

        async def story() -> None:
            group = Puppets(members)
            asking = asyncio.create_task(group.ask(SAID))
            await asyncio.sleep(0.7)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await group.close()

        in_leaps(story())

        assert [one.given_up for one in members] == [1, 1]
        assert [one.standing.failures for one in members] == [0, 0]

    def test_a_cancellation_in_the_moment_of_the_answer_is_not_swallowed(self) -> None:
        hanging, second = puppets(NEVER, 0.01)

        async def story() -> bool:
            group = Puppets([hanging, second])
            asking = asyncio.create_task(group.ask(SAID))
            # after the answer is there, and before whoever asked goes on
            second.then = lambda: asyncio.get_running_loop().call_soon(asking.cancel)
            await asyncio.wait([asking])
            await group.close()
            return asking.cancelled()

        assert in_leaps(story())


class TestBlame:
    def test_who_is_late_three_times_is_left_alone(self) -> None:
        hanging, well = puppets(NEVER, 0.01)

        in_leaps(told_by([hanging, well], count=20))

        assert (hanging.asked, hanging.serves, well.serves) == (3, False, True)

    def test_who_answered_others_meanwhile_is_busy_and_no_failure(self) -> None:
        busy, well = puppets(NEVER, 0.01)

        async def story() -> None:
            group = Puppets([busy, well])
            slow = asyncio.create_task(group.ask(SAID))
            await asyncio.sleep(0.1)
            busy.needs, well.outstanding = 0.01, 9  # whatever comes now goes to the busy one
            await group.ask(SAID)
            well.outstanding = 0
            await slow
            await group.close()

        in_leaps(story())

        assert (busy.given_up, busy.standing.failures) == (1, 0)

    def test_who_was_asked_just_now_is_not_late(self) -> None:
        first, second = puppets(0.4, NEVER)

        in_leaps(told_by([first, second]))

        assert (second.given_up, second.standing.failures) == (1, 0)


class TestBounds:
    def test_a_group_that_is_slow_as_a_whole_is_hardly_asked_more(self) -> None:
        members = puppets(1.0, 1.0)

        async def story() -> None:
            group = Puppets(members)
            for _ in range(10):
                await asyncio.gather(*(group.ask(SAID) for _ in range(100)))
            await group.close()

        in_leaps(story())

        more = sum(one.asked for one in members) - 1000
        assert 0 < more <= RULES.saved + 0.1 * 1000
        assert all(one.serves for one in members)

    def test_what_waits_for_one_that_is_left_alone_is_given_on_beyond_the_budget(self) -> None:
        async def story() -> float:
            group = Puppets(puppets(NEVER, 0.01))
            await asyncio.gather(*(group.ask(SAID) for _ in range(100)))
            await group.close()
            return loop_now()

        assert in_leaps(story()) < 0.5

    def test_a_process_that_stood_still_reads_what_came_before_it_asks_again(self) -> None:
        members = puppets(1.0, 1.0)

        async def story() -> None:
            group = Puppets(members)
            asking = asyncio.create_task(group.ask(SAID))
            await asyncio.sleep(0.1)
            loop = asyncio.get_running_loop()
            assert isinstance(loop, LeapingLoop)
            loop.stand_still(0.9)
            await asking
            await group.close()

        in_leaps(story())

        assert sum(one.asked for one in members) == 1

    def test_what_was_spent_is_earned_again(self) -> None:
        budget = Budget(HedgeRules(share=0.5, saved=1))
        taken = [budget.take(), budget.take()]
        budget.earn()
        taken.append(budget.take())
        budget.earn()

        assert [*taken, budget.take(), budget.take()] == [True, False, False, True, False]

    @pytest.mark.parametrize("changes", [{"seconds": 0.0}, {"share": 1.0}, {"saved": 0.0}])
    def test_rules_that_double_or_forbid_every_request_are_refused(
        self, changes: dict[str, float]
    ) -> None:
        with pytest.raises(ValueError, match="hedging"):
            HedgeRules(**changes)
