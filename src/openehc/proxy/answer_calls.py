"""Answer a message of calls: session, permission for each call, the module, the record.

An answer leaves only after the record of its calls is durable (材料一 9.5: calls of the
machines can be traced). Nothing of the data of a call is logged or recorded.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from openehc.crypto.module.port import CryptoModule, UnfitIdentity
from openehc.crypto.remote.calls import (
    CALL_OF,
    Answer,
    AskCheckValues,
    AskDevice,
    AskHealth,
    CheckValid,
    CheckValues,
    Device,
    Failed,
    Fault,
    Holder,
    MakeEhcid,
    MakeMindexId,
    MakeValid,
    MessageBroken,
    Moment,
    Nothing,
    Octets,
    OpenEhcid,
    Question,
    State,
    Text,
    read_questions,
    written,
)
from openehc.crypto.remote.session import Head
from openehc.crypto.sm4 import SealBroken
from openehc.kernel.clock import Clock
from openehc.kernel.refusal import CryptoModuleDown, PlatformError
from openehc.proxy.allow_list import AllowList
from openehc.proxy.model import Address, Caller, CallRecord, Denial, Reason, Result
from openehc.proxy.ports import CallRecorder, Gather, Observed
from openehc.proxy.rules import denial_of_caller, may, timely
from openehc.proxy.sessions import Session, Sessions
from openehc.proxy.telling import TroubleLines


@dataclass(frozen=True, slots=True)
class Computing:
    """The module behind the proxy, and how the calls of one message are run."""

    observed: Observed
    gathered: Gather


@dataclass(slots=True)
class _Made:
    """One call as it is made; `machine` is where it went last."""

    call: str
    machine: str = ""

    def note(self, machine: str) -> None:
        self.machine = machine


@dataclass(frozen=True, slots=True)
class AnswerCalls:
    """The use case; answers within one worker."""

    allow_list: AllowList
    sessions: Sessions
    computing: Computing
    recorder: CallRecorder
    clock: Clock
    trouble: TroubleLines = field(default_factory=TroubleLines)

    async def __call__(self, message: bytes, *, source: Address) -> bytes | Denial:
        """The sealed answers, or why there are none."""
        admitted = self._admitted(message, source)
        if isinstance(admitted, Denial):
            return admitted
        session, caller, questions = admitted
        made = [_Made(CALL_OF[type(question)]) for question in questions]
        answers = await self.computing.gathered(
            [self._answer(caller, one, into) for one, into in zip(questions, made, strict=True)]
        )
        now, origin = self.clock.now(), str(source)
        records = [
            CallRecord(caller.name, origin, CALL_OF[type(question)], one.machine, _result(answer),
                       now)
            for question, one, answer in zip(questions, made, answers, strict=True)
        ]  # fmt: skip
        try:
            await self.recorder.record(records)
        except PlatformError as failure:
            return Denial(Reason.NOT_RECORDED, caller.name, str(failure))
        return session.keys.sealed_answer(written(answers), to=message)

    def _admitted(
        self, message: bytes, source: Address
    ) -> tuple[Session, Caller, list[Question]] | Denial:
        """The session, its caller and what it asks; the order is part of the protection."""
        now = self.clock.now()
        # 1. a session that this worker opened
        try:
            head = Head.of(message)
        except MessageBroken as broken:
            return Denial(Reason.MALFORMED, detail=str(broken))
        session = self.sessions.find(head.session, now=now)
        if session is None:
            return Denial(Reason.SESSION_UNKNOWN)
        # 2. whose caller is still on the list, at one of its addresses
        caller = self.allow_list.caller(session.caller)
        if denial := denial_of_caller(caller, source=source):
            if denial.reason is not Reason.SOURCE_WRONG:
                self.sessions.close_all_of(session.caller)
            return denial
        assert caller is not None  # noqa: S101 (the rule denies None)
        return self._opened(message, head, session, caller)

    def _opened(
        self, message: bytes, head: Head, session: Session, caller: Caller
    ) -> tuple[Session, Caller, list[Question]] | Denial:
        # 3. the seal, before time and counter are believed
        try:
            body = session.keys.opened_message(message)
        except SealBroken:
            return Denial(Reason.SEAL_BROKEN, caller.name)
        # 4. sent just now, and never seen before
        if not timely(head.at, now=self.clock.now()):
            return Denial(Reason.CLOCK_WRONG, caller.name, f"the caller's clock: {head.at}")
        if head.counter <= session.counter:
            return Denial(Reason.REPLAYED, caller.name)
        session.counter = head.counter
        try:
            return session, caller, read_questions(body)
        except MessageBroken as broken:
            return Denial(Reason.MALFORMED, caller.name, str(broken))

    async def _answer(self, caller: Caller, question: Question, made: _Made) -> Answer:
        if not may(caller, CALL_OF[type(question)]):
            self.trouble.tell(f"{caller.name} may not call {made.call}")
            return Failed(Fault.NOT_PERMITTED)
        try:
            module = self.computing.observed(made.note)
            return await _ASK[type(question)](module, question)
        except (UnfitIdentity, ValueError):
            return Failed(Fault.UNFIT)
        except CryptoModuleDown as failure:
            self.trouble.tell(f"{made.call} of {caller.name} failed", detail=str(failure))
        except Exception as failure:  # noqa: BLE001 (a text might quote what was asked)
            self.trouble.tell(f"{made.call} of {caller.name}", detail=type(failure).__name__)
        return Failed(Fault.DOWN)


def _result(answer: Answer) -> Result:
    if isinstance(answer, Failed):
        return _RESULT[answer.fault]
    return Result.NOTHING if isinstance(answer, Nothing) else Result.OK


_RESULT: Final = {
    Fault.UNFIT: Result.UNFIT,
    Fault.NOT_PERMITTED: Result.NOT_PERMITTED,
    Fault.DOWN: Result.DOWN,
}


async def _mindex_id(module: CryptoModule, asked: MakeMindexId) -> Answer:
    return Text(await module.make_mindex_id(asked.id_type, asked.id_no, asked.name))


async def _ehcid(module: CryptoModule, asked: MakeEhcid) -> Answer:
    return Octets(await module.make_ehcid(asked.id_type, asked.id_no, asked.mindex_id))


async def _opened_ehcid(module: CryptoModule, asked: OpenEhcid) -> Answer:
    found = await module.open_ehcid(asked.ehcid, asked.mindex_id)
    return Nothing() if found is None else Holder(found.id_type, found.id_no)


async def _valid(module: CryptoModule, asked: MakeValid) -> Answer:
    return Text(await module.make_valid(asked.expires))


async def _opened_valid(module: CryptoModule, asked: CheckValid) -> Answer:
    found = await module.open_valid(asked.valid)
    return Nothing() if found is None else Moment(found)


async def _health(module: CryptoModule, _asked: AskHealth) -> Answer:
    health = await module.health()
    return State(health.kind.value, health.alive, health.detail)


async def _device(module: CryptoModule, _asked: AskDevice) -> Answer:
    told = await module.device_information()
    return Device(told.maker, told.model, told.serial, told.version, told.algorithms)


async def _check_values(module: CryptoModule, _asked: AskCheckValues) -> Answer:
    return CheckValues(await module.key_check_values())


# each function takes the kind of question that stands before it
_ASK: Final[Mapping[type[Question], Callable[[CryptoModule, Any], Awaitable[Answer]]]] = {
    MakeMindexId: _mindex_id,
    MakeEhcid: _ehcid,
    OpenEhcid: _opened_ehcid,
    MakeValid: _valid,
    CheckValid: _opened_valid,
    AskHealth: _health,
    AskDevice: _device,
    AskCheckValues: _check_values,
}
