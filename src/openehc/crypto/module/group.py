"""Several doers of the same pure requests as one: balancing, ejection, return, leaving.

Every request is pure, so one that failed with a member is made again with another; the
caller sees a failure only when no member answers. What a member is and what is asked, it
does not know: crypto machines (`machine_group.py`), front proxies (`crypto/remote`).
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from openehc.crypto.module.balancing import (
    HEALTHY,
    Candidate,
    EjectionRules,
    Standing,
    after_failed_probe,
    after_failure,
    after_good_heartbeat,
    after_success,
    chosen,
)
from openehc.kernel.refusal import CryptoModuleDown

_log = logging.getLogger("openehc.crypto")


class MemberRefused(CryptoModuleDown):
    """A member answered, and its answer is no result; whose fault that is, another's tells."""


class MemberAway(CryptoModuleDown):
    """The member was taken out of service while the request waited for it."""


class GroupBusy(CryptoModuleDown):
    """More requests wait for the members than may."""


@dataclass(frozen=True, slots=True)
class GroupRules:
    """What its members are called, how the absence of all is told, and how patient it is."""

    noun: str
    down: type[CryptoModuleDown]
    ejection: EjectionRules
    answer_seconds: float


class Member(ABC):
    """One that answers; belongs to one event loop. `number` counts from 1 over all."""

    def __init__(self, *, number: int) -> None:
        """In service from the start."""
        self.number: Final = number
        self.standing: Standing = HEALTHY
        self.outstanding = 0
        self.last_chosen = 0
        self.disturbed: Final = asyncio.Event()
        """Set when its standing changed for the worse."""

    def candidate(self) -> Candidate:
        """Itself, as the balancing sees it."""
        return Candidate(self.number, self.standing, self.outstanding, self.last_chosen)

    @property
    @abstractmethod
    def full(self) -> bool:
        """Whether no further request may wait for it."""

    @property
    @abstractmethod
    def idle(self) -> bool:
        """Whether a heartbeat would tell anything: it serves, and nothing keeps it busy."""

    @abstractmethod
    def heartbeat_in(self, *, now: float) -> float | None:
        """Seconds until it wants a heartbeat while it serves, not negative; None for never."""

    @abstractmethod
    async def heartbeat(self) -> None:
        """Make it prove that it can answer; raises `CryptoModuleDown`."""

    @abstractmethod
    def drop_idle(self) -> None:
        """Close what no request uses."""

    @abstractmethod
    async def leave(self) -> None:
        """Take no further request, let those under way end, close."""


Each = TypeVar("Each", bound=Member)


class Group(Generic[Each]):
    """The members behind one module; belongs to one event loop.

    What a request is and what comes of it, only `Each` knows: its `ask(request)` raises
    `MemberAway` when it left meanwhile, `MemberRefused` when it answered with a no, and
    another `CryptoModuleDown` for its own trouble. Typed loosely, for no call comes between.
    """

    def __init__(self, rules: GroupRules) -> None:
        """Nobody is in it."""
        self._rules: Final = rules
        self._members: dict[Any, Each] = {}
        self._hearts: dict[Any, asyncio.Task[None]] = {}
        self._turn = 0

    @property
    def members(self) -> tuple[Each, ...]:
        """The members themselves, in the order in which they came."""
        return tuple(self._members.values())

    async def ask(
        self,
        request: Any,  # noqa: ANN401 (see the class)
        *,
        note: Callable[[Each], None] | None = None,
    ) -> Any:  # noqa: ANN401 (see the class)
        """What whichever member answers makes of the request; raises `CryptoModuleDown`.

        `note` is told each member that the request goes to; the last one is who answered.
        """
        self._start_hearts()
        seconds = self._rules.answer_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._ask_in_turn(request, note or _unnoted)
        except TimeoutError:
            told = f"no {self._rules.noun} answered within {seconds} s"
            raise self._rules.down(told) from None

    async def remove(self, address: Any) -> None:  # noqa: ANN401 (addresses differ in type)
        """Let the requests under way end, then let the member go; raises KeyError."""
        member = self._members.pop(address)
        heart = self._hearts.pop(address, None)
        if heart is not None:
            await _stopped(heart)
        await member.leave()

    async def close(self) -> None:
        """Let every member go."""
        for address in tuple(self._members):
            await self.remove(address)

    def _enter(self, address: Any, member: Each) -> None:  # noqa: ANN401 (addresses differ)
        if address in self._members:
            raise ValueError(f"a {self._rules.noun} at this address is in the group already")
        self._members[address] = member

    async def _ask_in_turn(
        self,
        request: Any,  # noqa: ANN401 (see the class)
        note: Callable[[Each], None],
    ) -> Any:  # noqa: ANN401 (see the class)
        tried: set[int] = set()
        refusing: list[Each] = []
        trouble: CryptoModuleDown = self._rules.down(f"no {self._rules.noun} is in service")
        while member := self._next(tried):
            tried.add(member.number)
            note(member)
            try:
                result = await member.ask(request)  # type: ignore[attr-defined] # see the class
            except MemberRefused as refused:
                refusing.append(member)
                trouble = refused
            except MemberAway as away:
                trouble = away
            except CryptoModuleDown as error:
                self._failed(member, error)
                trouble = error
            else:
                member.standing = after_success(member.standing)
                # What one answers, another must not refuse: its keys are missing, say. A
                # request that all refuse is nobody's fault.
                for one in refusing:
                    self._failed(one, trouble)
                return result
        raise trouble

    def _next(self, tried: set[int]) -> Each | None:
        candidate = chosen(
            (one.candidate() for one in self._members.values()), tried=frozenset(tried)
        )
        if candidate is None:
            return None
        member = next(one for one in self.members if one.number == candidate.number)
        if member.full:  # it is the least busy one
            raise GroupBusy(f"too many calls wait for the {self._rules.noun}s")
        self._turn += 1
        member.last_chosen = self._turn
        return member

    def _failed(self, member: Each, error: CryptoModuleDown) -> None:
        member.standing, before = (
            after_failure(member.standing, now=_now(), rules=self._rules.ejection),
            member.standing,
        )
        if before.serves and not member.standing.serves:
            _log.warning("%s %d is left alone: %s", self._rules.noun, member.number, error)
            member.drop_idle()
            member.disturbed.set()

    def _start_hearts(self) -> None:
        if len(self._hearts) == len(self._members):
            return
        for address, member in self._members.items():
            if address not in self._hearts:
                self._hearts[address] = asyncio.create_task(self._heart(member))

    async def _heart(self, member: Each) -> None:
        while True:
            until = member.standing.ejected_until
            rest = member.heartbeat_in(now=_now()) if until is None else max(until - _now(), 0.0)
            try:
                async with asyncio.timeout(rest):
                    await member.disturbed.wait()
            except TimeoutError:
                await self._beat(member)
            member.disturbed.clear()

    async def _beat(self, member: Each) -> None:
        """A heartbeat where one is due: on an idle connection, or to ask whether it is back."""
        if member.standing.serves and not member.idle:
            return
        try:
            await member.heartbeat()
        except CryptoModuleDown as error:
            if member.standing.serves:
                self._failed(member, error)
            else:
                self._eject_after_probe(member, error)
        else:
            self._welcome(member)

    def _welcome(self, member: Each) -> None:
        if not member.standing.serves:
            member.standing = after_good_heartbeat(member.standing)
            _log.warning("%s %d is back in service", self._rules.noun, member.number)

    def _eject_after_probe(self, member: Each, error: CryptoModuleDown) -> None:
        rules = self._rules.ejection
        member.standing = after_failed_probe(member.standing, now=_now(), rules=rules)
        _log.info("%s %d gives no heartbeat: %s", self._rules.noun, member.number, error)


def _unnoted(_member: Member) -> None:
    """Nobody wants to know."""


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _stopped(heart: asyncio.Task[None]) -> None:
    heart.cancel()
    await asyncio.wait([heart])
