"""One front proxy with the sessions to it, and several of them as one (材料一 9.5).

A message goes to the proxy with the fewest calls under way; what one proxy leaves
unanswered, another one is asked. Which calls share a message, `module.py` decides; when a
proxy is left alone and comes back, `crypto/module/group.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from openehc.crypto.module.balancing import EjectionRules
from openehc.crypto.module.group import Group, GroupRules, Member, MemberRefused
from openehc.crypto.remote.calls import (
    Answer,
    AskCheckValues,
    AskHealth,
    CheckValues,
    Failed,
    Fault,
    Question,
    State,
)
from openehc.crypto.remote.connection import ProxyHungUp, ProxyUnreachable
from openehc.crypto.remote.lane import Lane, Party, Patience, SessionLost
from openehc.kernel.clock import Clock
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import CryptoModuleDown

OF_SEVERAL: Final = EjectionRules(failures=3, first_pause=0.5, longest_pause=2.0)
"""A proxy that is updated is missed for seconds, so it is asked after often."""

_DOWN: Final = Failed(Fault.DOWN)
_HIDDEN: Final = Failed(Fault.NOT_PERMITTED)

MakeLane = Callable[[Party], Lane]


class ModuleSilent(MemberRefused):
    """A proxy answered, and the crypto module behind it not every call; `answers` has the rest."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        """All answers of the message, in order."""
        super().__init__("the crypto module behind the front proxy does not answer")
        self.answers: Final = answers


class Proxy(Member):
    """A front proxy and the sessions to it; it gets as many as there are messages at once."""

    def __init__(self, party: Party, *, number: int, new_lane: MakeLane) -> None:
        """Nothing is connected before the first message."""
        super().__init__(number=number)
        self.address: Final = party.address
        self._party: Final = party
        self._new_lane: Final = new_lane
        self._idle: list[Lane] = []
        self._tells_values = True

    @property
    def full(self) -> bool:
        """Never: the module bounds what waits."""
        return False

    @property
    def idle(self) -> bool:
        """Whether no call is under way."""
        return not self.outstanding

    async def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers, in order; raises `CryptoModuleDown`, `ModuleSilent` for some or all."""
        answers = await self._asked(questions)
        if Failed in map(type, answers) and _DOWN in answers:
            raise ModuleSilent(answers)
        return answers

    def heartbeat_in(self, *, now: float) -> None:
        """Never while it serves: each is a record of the proxy, and calls tell as much."""
        del now

    async def heartbeat(self) -> None:
        """Ask how the module does; one that does not tell this node answers, too."""
        answer = (await self.ask([AskHealth()]))[0]
        if isinstance(answer, State) and not answer.alive:
            raise MemberRefused(f"behind the front proxy: {answer.detail}")

    async def told(self) -> tuple[Answer, Answer]:
        """Health and check values of the module behind it, as far as it tells this node.

        A refusal is a line in the proxy's log and a record there, so values are asked for once.
        """
        if not self._tells_values:
            return (await self._asked([AskHealth()]))[0], _HIDDEN
        state, values = await self._asked([AskHealth(), AskCheckValues()])
        self._tells_values = values != _HIDDEN
        return state, values

    def drop_idle(self) -> None:
        """Close the sessions that no message uses."""
        while self._idle:
            self._idle.pop().close()

    async def leave(self) -> None:
        """Close; whoever lets it go has waited for the messages under way."""
        self.drop_idle()

    async def _asked(self, questions: Sequence[Question]) -> list[Answer]:
        lane = self._idle.pop() if self._idle else self._new_lane(self._party)
        self.outstanding += len(questions)
        try:
            return await lane.ask(questions)
        finally:
            self.outstanding -= len(questions)
            self._idle.append(lane)


class ProxyGroup(Group[Proxy]):
    """The front proxies of one module; its requests are messages, lists of calls."""

    def __init__(
        self, parties: Sequence[Party], *, patience: Patience, clock: Clock, entropy: Entropy
    ) -> None:
        """Nothing is connected before the first message; raises ValueError for none or a double."""
        if not parties:
            raise ValueError("a front proxy is needed")
        if len(parties) > 1:  # another proxy is the better second attempt
            patience = replace(patience, again=(ProxyHungUp, SessionLost))
        super().__init__(
            GroupRules(
                "front proxy", ProxyUnreachable, OF_SEVERAL, patience.whole, patience.hedging
            )
        )

        def new_lane(party: Party) -> Lane:
            return Lane(party, patience=patience, clock=clock, entropy=entropy)

        for number, party in enumerate(parties, 1):
            self._enter(party.address, Proxy(party, number=number, new_lane=new_lane))

    @property
    def way(self) -> "Callable[[Sequence[Question]], Awaitable[list[Answer]]]":
        """Who is asked: all, or the only one itself, which is never left alone."""
        members = self.members
        return self.ask if len(members) > 1 else members[0].ask

    async def health(self) -> tuple[bool, str]:
        """Whether any module behind a proxy is alive, and what to tell of all of them.

        Not alive where two hold different keys: half of the card ids would open nowhere.
        """
        asked = (one.told() for one in self.members if one.standing.serves)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, CryptoModuleDown):
                raise answer
        told = [answer for answer in answers if not isinstance(answer, BaseException)]
        values = [value.values for _, value in told if isinstance(value, CheckValues)]
        if any(one != values[0] for one in values):
            return False, "the crypto modules behind the front proxies hold different keys"
        lively = [_lively(state) for state, _ in told]
        return any(lively), f"{sum(lively)} of {len(self.members)} front proxies serve"


def _lively(state: Answer) -> bool:
    return state == _HIDDEN or (isinstance(state, State) and state.alive)
