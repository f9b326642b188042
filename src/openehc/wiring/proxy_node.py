"""The front proxy's objects in one worker: allow-list, sessions, module, record, door.

Needs no register of cards. Beside a card node it uses that node's crypto module.
"""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from openehc.audit.mark_files import MarkFiles
from openehc.audit.sign_checkpoints import SignCheckpoints
from openehc.audit.trail import AuditTrail
from openehc.crypto.keyfile import open_key_file, refuse_public_keys_in_production
from openehc.crypto.module.machine import MachineCryptoModule
from openehc.crypto.module.port import CryptoModule, ModuleKind
from openehc.crypto.node_keys import NodeKeys
from openehc.crypto.remote.calls import Answer
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.gateway.proxy_door import ProxyDoor
from openehc.kernel.clock import Clock, SystemClock
from openehc.kernel.ids import SystemEntropy
from openehc.kernel.refusal import PlatformError
from openehc.proxy.allow_list import AllowList
from openehc.proxy.answer_calls import AnswerCalls, Computing
from openehc.proxy.open_session import OpenSession
from openehc.proxy.ports import Note
from openehc.proxy.record_calls import RecordCalls
from openehc.proxy.record_refusals import RecordRefusals
from openehc.proxy.record_sessions import RecordSessions
from openehc.proxy.sessions import Sessions
from openehc.proxy.store import ProxyStore
from openehc.proxy.telling import TroubleLines
from openehc.storage.pool import Database
from openehc.wiring.audit_key import checkpoints_of, marks_of
from openehc.wiring.crypto_backend import PROXY_KEY, close_module, open_module
from openehc.wiring.crypto_machines import CryptoWatch, MachineRoll
from openehc.wiring.settings import Settings, WrongSettings

POOL_SIZE: Final = 6
PATIENCE_SECONDS: Final = 3.0
_log = logging.getLogger("openehc.proxy")


@dataclass(slots=True)
class ProxyNode:
    """The running parts of the proxy in one worker."""

    door: ProxyDoor
    allow_list: AllowList
    sessions: Sessions
    module: CryptoModule
    database: Database
    watch: CryptoWatch
    recorder: RecordCalls
    refusals: RecordRefusals
    trail: AuditTrail
    marks: MarkFiles
    checkpoints: SignCheckpoints | None
    owns_module: bool
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    async def ready(self) -> bool:
        """Whether calls can be answered now: list loaded, database and module answer."""
        if not self.watch.listening.is_set():
            return False
        try:
            await self.database.fetchval("select 1")
        except PlatformError:
            return False
        return (await self.module.health()).alive

    async def stop(self) -> None:
        """Finish what runs, then close the database."""
        for task in self.tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.recorder.close()
        await self.refusals.close()
        await self.trail.close()
        if self.checkpoints:
            await self.checkpoints.told()
        self.marks.close()
        await self.database.close()
        if self.owns_module:
            await close_module(self.module)


async def start_proxy(
    settings: Settings, passphrase: str, dsn: str, *, module: CryptoModule | None = None,
    clock: Clock | None = None,
) -> ProxyNode:  # fmt: skip
    """Build and start the proxy of one worker; `module` is a card node's beside it, if any."""
    keys = open_key_file(settings.key_file, passphrase)
    if not settings.crypto.holds_no_keys_here:
        refuse_public_keys_in_production(keys, settings.mode)
    database = await Database.connect(dsn, size=POOL_SIZE, name="openehc proxy")
    serving = module or open_module(settings.crypto, keys.module, local=keys.local)
    proxy = _assemble(settings, keys, dsn, database=database, module=serving,
                      clock=clock or SystemClock())  # fmt: skip
    proxy.owns_module = module is None
    proxy.tasks.append(asyncio.create_task(proxy.watch.keep_watching()))
    if proxy.checkpoints:
        every = settings.checkpoint_seconds
        proxy.tasks.append(asyncio.create_task(proxy.checkpoints.keep(every=every)))
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await proxy.watch.listening.wait()
    return proxy


def _assemble(
    settings: Settings, keys: NodeKeys, dsn: str, *, database: Database, module: CryptoModule,
    clock: Clock,
) -> ProxyNode:  # fmt: skip
    allow_list, sessions, entropy, trouble = (
        AllowList(), Sessions(), SystemEntropy(), TroubleLines(),
    )  # fmt: skip
    marks = marks_of(settings)
    trail = AuditTrail(database, entropy, marks)
    recorder, refusals = RecordCalls(trail), RecordRefusals(trail, clock, trouble)
    watch = CryptoWatch(
        dsn, ProxyStore(database), MachineRoll(module, settings.crypto.machines),
        entropy=entropy, allow_list=allow_list,
    )  # fmt: skip
    door = ProxyDoor(
        allow_list=allow_list,
        open_session=OpenSession(
            proxy_key_of(keys), allow_list=allow_list, sessions=sessions, clock=clock,
            entropy=entropy, recorder=RecordSessions(trail),
        ),
        answer_calls=AnswerCalls(
            allow_list, sessions, computing_with(module), recorder, clock, trouble
        ),
        refusals=refusals,
        fresh=watch.listening.is_set,
        trouble=trouble,
    )  # fmt: skip
    return ProxyNode(
        door=door, allow_list=allow_list, sessions=sessions, module=module, database=database,
        watch=watch, recorder=recorder, refusals=refusals, trail=trail, owns_module=True,
        marks=marks, checkpoints=checkpoints_of(settings, keys.local, database, clock, marks),
    )  # fmt: skip


def proxy_key_of(keys: NodeKeys) -> Sm2PrivateKey:
    """The proxy's own key; raises `WrongSettings` when there is none yet."""
    secret = keys.local.get(PROXY_KEY)
    if secret is None:
        raise WrongSettings(
            "this node has no key as front proxy: make one with `ehc keys proxy new`"
        )
    return Sm2PrivateKey(secret)


def computing_with(module: CryptoModule) -> Computing:
    """How the proxy uses this module: machines tell which of them answered."""
    if isinstance(module, MachineCryptoModule):
        return Computing(module.observed, at_once)
    name = str(getattr(module, "name", "module"))

    def observed(note: Note) -> CryptoModule:
        note(name)
        return module

    suspends = name != ModuleKind.SOFT.value
    return Computing(observed, at_once if suspends else one_by_one)


async def at_once(work: Sequence[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """Side by side: for modules that wait for a device."""
    return list(await asyncio.gather(*work))


async def one_by_one(work: Sequence[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """One after the other: a module that never waits gains nothing from tasks."""
    try:
        return [await one for one in work]
    finally:
        for one in work:
            one.close()  # of those that ended, nothing is left to close
