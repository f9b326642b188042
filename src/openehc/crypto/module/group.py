"""Several doers of the same pure requests as one: balancing, ejection, return, leaving.

Every request is pure, so one that failed with a member is made again with another, and one
that waits long is made there as well (`hedging.py`); the caller sees a failure only when no
member answers. What a member is and what is asked, it
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
    EjectionRules,
    Standing,
    after_failed_probe,
    after_failure,
    after_good_heartbeat,
    after_success,
    chosen,
    hurried,
)
from openehc.crypto.module.hedging import Errand, HedgeRules, Hedging
from openehc.kernel.refusal import CryptoModuleDown

_log = logging.getLogger("openehc.crypto")


class MemberRefused(CryptoModuleDown):
    """A member answered, and its answer is no result; whose fault that is, another's tells."""


class MemberAway(CryptoModuleDown):
    """The member was taken out of service while the request waited for it."""


class MemberLate(CryptoModuleDown):
    """Another member answered the request that this one kept."""


class GroupBusy(CryptoModuleDown):
    """More requests wait for the members than may."""


@dataclass(frozen=True, slots=True)
class GroupRules:
    """What its members are called, how the absence of all is told, and how patient it is."""

    noun: str
    down: type[CryptoModuleDown]
    ejection: EjectionRules
    answer_seconds: float
    hedging: HedgeRules


class Member(ABC):
    """One that answers; belongs to one event loop. `number` counts from 1 over all."""

    def __init__(self, *, number: int) -> None:
        """In service from the start."""
        self.number: Final = number
        self.standing: Standing = HEALTHY
        self.outstanding = 0
        self.last_chosen = 0
        self.answered_at = 0.0
        """When a request was answered last, on the event loop's clock."""
        self.disturbed: Final = asyncio.Event()
        """Set when its standing changed for the worse, or a pause was cut short."""

    @property
    def serves(self) -> bool:
        """Whether it takes requests."""
        return self.standing.serves

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
        self._hedging: Final = Hedging(
            rules.hedging, attempt=self._ask_in_turn, another=self._may_ask_another
        )

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
        errand = Errand(request, note or _unnoted)
        # nobody overtakes the only member
        way = self._hedging.first_answer if len(self._members) > 1 else self._ask_in_turn
        try:
            async with asyncio.timeout(seconds):
                return await way(errand)
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
        await self._hedging.close()

    def _enter(self, address: Any, member: Each) -> None:  # noqa: ANN401 (addresses differ)
        if address in self._members:
            raise ValueError(f"a {self._rules.noun} at this address is in the group already")
        self._members[address] = member

    async def _ask_in_turn(self, errand: Errand) -> Any:  # noqa: ANN401 (see the class)
        trouble: CryptoModuleDown = self._rules.down(f"no {self._rules.noun} is in service")
        while member := self._next(errand.tried):
            errand.tried.add(member.number)
            errand.at = member
            errand.note(member)
            began = _now()
            try:
                result = await member.ask(errand.request)  # type: ignore[attr-defined] # see the class
            except MemberRefused as refused:
                errand.refusing.append((member, refused))
                trouble = refused
            except MemberAway as away:
                trouble = away
            except CryptoModuleDown as error:
                self._failed(member, error)
                trouble = error
            except asyncio.CancelledError:
                if errand.settled:
                    self._overtaken(member, began=began)
                raise
            else:
                self._answered(member, errand)
                return result
        raise trouble

    def _answered(self, member: Each, errand: Errand) -> None:
        member.standing = after_success(member.standing)
        member.answered_at = _now()
        # What one answers, another must not refuse: its keys are missing, say. A request
        # that all refuse is nobody's fault.
        for one, refused in errand.refusing:
            self._failed(one, refused)
        if errand.others:  # who was asked last need not be who answered
            errand.note(member)

    def _overtaken(self, member: Each, *, began: float) -> None:
        """It kept a request that another answered: a failure, unless it is merely busy.

        One that answered others meanwhile works; under load all are late now and then, and
        to leave one alone would burden the rest.
        """
        seconds = self._rules.hedging.seconds
        if _now() - began >= seconds and member.answered_at <= began:
            told = f"it gave no answer within {seconds} s, and another did"
            self._failed(member, MemberLate(told))

    def _may_ask_another(self, errand: Errand) -> bool:
        return any(
            one.serves and not one.full and one.number not in errand.tried
            for one in self._members.values()
        )

    def _next(self, tried: set[int]) -> Each | None:
        member = chosen(self._members.values(), tried=tried)
        if member is None:
            return None
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
        if before.serves and not member.serves:
            _log.warning("%s %d is left alone: %s", self._rules.noun, member.number, error)
            member.drop_idle()
            member.disturbed.set()
            self._hurry_when_none_serves()

    def _hurry_when_none_serves(self) -> None:
        members = self._members.values()
        if any(one.serves for one in members):
            return
        for one in members:
            one.standing = hurried(one.standing, now=_now(), rules=self._rules.ejection)
            one.disturbed.set()

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
        self._hurry_when_none_serves()
        _log.info("%s %d gives no heartbeat: %s", self._rules.noun, member.number, error)


def _unnoted(_member: Member) -> None:
    """Nobody wants to know."""


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _stopped(heart: asyncio.Task[None]) -> None:
    heart.cancel()
    await asyncio.wait([heart])
