"""The crypto module behind a front proxy, or several (密码机前置代理, 材料一 9.5).

Calls that wait at the same moment travel in one message: a message goes as soon as fewer than
`LANES` for each proxy are under way, there is no timer. To which proxy, `proxies.py` decides.
What cannot be a call is refused here, with the reason that every module gives; all else that
goes wrong is `CryptoModuleDown`, and the proxy's log says why.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from copy import copy
from datetime import UTC, datetime
from typing import Final, TypeVar

from openehc.crypto.module.algorithm import (
    IDENTITY_SIZE,
    ehcid_plain,
    mindex_bytes,
    mindex_plain,
    valid_bytes,
    valid_plain,
)
from openehc.crypto.module.port import (
    DeviceInformation,
    Identity,
    IdentityNotPlain,
    IdentityTooLong,
    ModuleHealth,
    ModuleKind,
    UnfitIdentity,
)
from openehc.crypto.remote.calls import (
    CALL_OF,
    LONGEST_TEXT,
    MOST_CALLS,
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
    Moment,
    Nothing,
    Octets,
    OpenEhcid,
    Question,
    State,
    Text,
)
from openehc.crypto.remote.lane import Party, Patience
from openehc.crypto.remote.proxies import ModuleSilent, ProxyGroup
from openehc.kernel.clock import Clock, SystemClock
from openehc.kernel.ids import Entropy, SystemEntropy
from openehc.kernel.refusal import CryptoModuleDown

LANES: Final = 4
"""Messages at once, for each proxy."""
MOST_WAITING: Final = 20_000

Wanted = TypeVar("Wanted")
_Waiting = tuple[Question, "asyncio.Future[Answer]"]


class NotPermitted(CryptoModuleDown):
    """The front proxy does not let this node make the call."""


class ProxyOverloaded(CryptoModuleDown):
    """More calls wait for the front proxy than may."""


class ProxyCryptoModule:
    """`CryptoModule` over front proxies; belongs to one event loop, and wants closing."""

    def __init__(
        self, *parties: Party, lanes: int = LANES, patience: Patience | None = None,
        clock: Clock | None = None, entropy: Entropy | None = None, name: str = "proxy",
    ) -> None:  # fmt: skip
        """Nothing is connected before the first call; raises ValueError for a repetition."""
        self.name = name
        self._proxies = ProxyGroup(
            parties, patience=patience or Patience(), clock=clock or SystemClock(),
            entropy=entropy or SystemEntropy(),
        )  # fmt: skip
        self._ask = self._proxies.way
        self._free = lanes * len(parties)
        self._busy: set[asyncio.Task[None]] = set()
        self._waiting: deque[_Waiting] = deque()
        self._waking = False
        self._closed = False

    async def make_mindex_id(self, id_type: str, id_no: str, name: str) -> str:
        """主索引ID: 64 upper hex characters; raises `UnfitIdentity`."""
        if len(mindex_plain(id_type, id_no, name)) > LONGEST_TEXT:
            raise IdentityTooLong(f"the front proxy hashes at most {LONGEST_TEXT} bytes")
        return (await self._asked(MakeMindexId(id_type, id_no, name), Text)).value

    async def make_ehcid(self, id_type: str, id_no: str, mindex_id: str) -> bytes:
        """电子健康卡ID: 32 raw bytes; raises `UnfitIdentity`."""
        ehcid_plain(id_type, id_no)
        mindex_bytes(mindex_id)
        return (await self._asked(MakeEhcid(id_type, id_no, mindex_id), Octets)).value

    async def open_ehcid(self, ehcid: bytes, mindex_id: str) -> Identity | None:
        """The document inside; None when it does not open to one."""
        try:
            mindex_bytes(mindex_id)
        except UnfitIdentity:
            return None
        if len(ehcid) != IDENTITY_SIZE:
            return None
        answer = await self._answer(OpenEhcid(ehcid, mindex_id))
        if isinstance(answer, Nothing):
            return None
        holder = _expected(answer, Holder)
        return Identity(holder.id_type, holder.id_no)

    async def make_valid(self, expires: datetime) -> str:
        """有效时间密文: 32 upper hex characters; raises ValueError for a naive time."""
        valid_plain(expires)
        whole = expires.astimezone(UTC).replace(microsecond=0)
        return (await self._asked(MakeValid(whole), Text)).value

    async def open_valid(self, valid: str) -> datetime | None:
        """The expiry in UTC; None when it is no VALID of the module's key."""
        if valid_bytes(valid) is None:
            return None
        answer = await self._answer(CheckValid(valid))
        if isinstance(answer, Nothing):
            return None
        return _expected(answer, Moment).at.astimezone(UTC)

    async def health(self) -> ModuleHealth:
        """Whether proxy and module answer; a proxy that does not tell this node is alive.

        Of several each is asked, and the keys behind them are compared where they tell.
        """
        if len(self._proxies.members) > 1:
            alive, detail = await self._proxies.health()
            return ModuleHealth(self.name, ModuleKind.PROXY, alive=alive, detail=detail)
        try:
            state = await self._asked(AskHealth(), State)
        except NotPermitted:
            detail = "the front proxy answers; it does not tell this node how the module does"
            return ModuleHealth(self.name, ModuleKind.PROXY, alive=True, detail=detail)
        except CryptoModuleDown as error:
            return ModuleHealth(self.name, ModuleKind.PROXY, alive=False, detail=str(error))
        detail = f"behind the front proxy, {state.kind}: {state.detail}"
        return ModuleHealth(self.name, ModuleKind.PROXY, alive=state.alive, detail=detail)

    async def device_information(self) -> DeviceInformation:
        """What the module behind the proxy says of itself."""
        told = await self._asked(AskDevice(), Device)
        return DeviceInformation(
            told.maker, told.model, told.serial, told.version, tuple(told.algorithms)
        )

    async def key_check_values(self) -> dict[str, str]:
        """16 upper hex characters for `safe_key` and `protect_key`."""
        return dict((await self._asked(AskCheckValues(), CheckValues)).values)

    async def close(self) -> None:
        """Let the calls under way end, then drop the connections."""
        self._closed = True
        while self._busy:
            await asyncio.wait(self._busy)
        await self._proxies.close()

    async def _asked(self, question: Question, kind: type[Wanted]) -> Wanted:
        return _expected(await self._answer(question), kind)

    async def _answer(self, question: Question) -> Answer:
        waiting = self._waiting
        if len(waiting) >= MOST_WAITING or self._closed:
            raise ProxyOverloaded(f"{len(waiting)} calls wait for the front proxy")
        waiter: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        waiting.append((question, waiter))
        if self._free and not self._waking:
            self._wake()
        answer = await waiter
        if isinstance(answer, Failed):
            raise _failure(answer.fault, question)
        return answer

    def _wake(self) -> None:
        """Let one more message go; one at a time, so that it finds a full waiting list."""
        self._waking = True
        self._free -= 1
        task = asyncio.get_running_loop().create_task(self._drain(), name="front-proxy")
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _drain(self) -> None:
        self._waking = False
        try:
            while taken := self._taken():
                if self._waiting and self._free and not self._waking:
                    self._wake()
                await self._flush(taken)
        finally:
            self._free += 1

    def _taken(self) -> list[_Waiting]:
        """Up to `MOST_CALLS` waiting calls; those whose caller gave up are dropped unsent."""
        taken: list[_Waiting] = []
        while self._waiting and len(taken) < MOST_CALLS:
            pair = self._waiting.popleft()
            if not pair[1].done():
                taken.append(pair)
        return taken

    async def _flush(self, taken: list[_Waiting]) -> None:
        waiters = [waiter for _, waiter in taken]
        try:
            answers = await self._ask([question for question, _ in taken])
        except ModuleSilent as partly:
            _hand_out(waiters, partly.answers)
        except Exception as failure:  # noqa: BLE001 (it must reach every waiter, whatever it is)
            _fail(waiters, failure)
        except asyncio.CancelledError:
            _fail(waiters, ProxyOverloaded("the node is shut down"))
            raise
        else:
            _hand_out(waiters, answers)


def _hand_out(waiters: "list[asyncio.Future[Answer]]", answers: Sequence[Answer]) -> None:
    for waiter, answer in zip(waiters, answers, strict=True):
        if not waiter.done():
            waiter.set_result(answer)


def _fail(waiters: "list[asyncio.Future[Answer]]", failure: Exception) -> None:
    for waiter in waiters:
        if not waiter.done():  # a shared exception would gather all their tracebacks
            waiter.set_exception(copy(failure))


def _expected(answer: Answer, kind: type[Wanted]) -> Wanted:
    if not isinstance(answer, kind):
        raise CryptoModuleDown("the front proxy answered another call than was made")
    return answer


def _failure(fault: Fault, question: Question) -> Exception:
    if fault is Fault.UNFIT:
        return IdentityNotPlain("the crypto module cannot make an id of these data")
    if fault is Fault.NOT_PERMITTED:
        call = CALL_OF[type(question)].value
        return NotPermitted(f"the front proxy does not let this node call {call}")
    return CryptoModuleDown("the crypto module behind the front proxy does not answer")
