"""One worker's objects, built from settings: stores, use cases, pipeline, background tasks.

Reads no command line and starts no process.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from openehc.access.registry import Registry
from openehc.access.serials import InFlight
from openehc.access.store import CHANNEL, AccessStore, changed_rows
from openehc.access.traffic import Traffic
from openehc.access.traffic_store import TrafficStore
from openehc.audit.mark_files import MarkFiles
from openehc.audit.sign_checkpoints import SignCheckpoints
from openehc.audit.trail import AuditTrail
from openehc.cards.change_card import ChangeCard
from openehc.cards.register_card import RegisterCard
from openehc.cards.store import CardStore
from openehc.cards.usage_records import UsageRecords
from openehc.cards.usage_store import UsageStore
from openehc.codes.authorise import AskConsent, DecideConsent, QueryConsent
from openehc.codes.generate_code import GenerateCode
from openehc.codes.store import CodeStore
from openehc.codes.verify_code import VerifyCode
from openehc.console.authorisation_page import AuthorisationPage
from openehc.console.public_list_page import PublicListPage
from openehc.crypto.keyfile import open_key_file, refuse_public_keys_in_production
from openehc.crypto.module.machine import MachineCryptoModule
from openehc.crypto.module.port import CryptoModule
from openehc.envelope.opening import OpeningRules
from openehc.envelope.profile import NATIONAL
from openehc.gateway.calls import Handler
from openehc.gateway.card_methods import CardMethods
from openehc.gateway.certificate import ForwardedCertificate
from openehc.gateway.code_methods import CodeMethods
from openehc.gateway.door import Door
from openehc.gateway.peer import PeerFinder
from openehc.gateway.pipeline import Pipeline
from openehc.gateway.request_log import RequestLog
from openehc.gateway.usage_methods import UsageMethods
from openehc.kernel.clock import Clock, SystemClock
from openehc.kernel.ids import Entropy, SystemEntropy
from openehc.kernel.refusal import PlatformError
from openehc.proxy.store import ProxyStore
from openehc.spec import load
from openehc.storage.notify import Listener
from openehc.storage.pool import Database
from openehc.wiring.audit_key import checkpoints_of, marks_of
from openehc.wiring.client_certificates import ClientCertificates
from openehc.wiring.console import Console, ConsoleParts
from openehc.wiring.crypto_backend import close_module, open_module
from openehc.wiring.crypto_machines import CryptoWatch, MachineRoll
from openehc.wiring.foreign import NoNetwork
from openehc.wiring.patience import Loading, wait_until_loaded
from openehc.wiring.public_lists import PublicLists
from openehc.wiring.rotation_cards import RotatingCardStore
from openehc.wiring.rotation_worker import CHANNEL as KEYS_CHANNEL
from openehc.wiring.rotation_worker import KeyRing
from openehc.wiring.settings import Settings
from openehc.wiring.traffic_flushing import keep_flushing
from openehc.wiring.trust_folder import FOLDER as TRUST_FOLDER
from openehc.wiring.trust_folder import TrustFolder
from openehc.wiring.watching import keep_watching

PHOTO_METHODS = frozenset({
    "ehc.ehealthcard.querywithreg", "ehc.ehealthcard.register", "ehc.ehealthcard.regquery",
    "ehc.ehealthcard.alterinfo",
})  # fmt: skip
POOL_SIZE = 8
PATIENCE_SECONDS = 3.0
"""How long a worker waits for the database before it takes requests; while the database answers
and registers are being read, longer (patience.py)."""

_log = logging.getLogger("openehc.node")


@dataclass(slots=True)
class Node:
    """The running parts of one worker; `stop` ends them in the reverse order."""

    settings: Settings
    database: Database
    registry: Registry
    access: AccessStore
    cards: CardStore
    codes: CodeStore
    module: CryptoModule
    change_card: ChangeCard
    door: Door
    page: AuthorisationPage
    public_pages: dict[str, PublicListPage]
    console: Console
    trail: AuditTrail
    marks: MarkFiles
    checkpoints: SignCheckpoints | None
    traffic: Traffic
    request_log: RequestLog
    listener: Listener
    keys: KeyRing
    filled_at: datetime | None
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    async def stop(self) -> None:
        """Finish what runs, then close the database."""
        for task in self.tasks:
            task.cancel()
        for task in self.tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self.console.desk.imports.stop()
        await self.listener.stop()
        await self.cards.close()
        await self.codes.close()
        await self.trail.close()
        if self.checkpoints:
            await self.checkpoints.told()
        self.marks.close()
        await self.keys.leave()
        await self.database.close()
        await close_module(self.module)

    async def loaded(self) -> None:
        """Wait until the registers and the state of the keys were read; raises DatabaseDown."""
        await self.listener.listening.wait()
        await self.keys.freshen()

    async def ready(self) -> bool:
        """Whether requests can be served now: registers loaded, database and module answer."""
        if not (self.registry.loaded and self.keys.fresh and await self.answers()):
            return False
        return (await self.module.health()).alive

    async def answers(self) -> bool:
        """Whether the database does."""
        try:
            await self.database.fetchval("select 1")
        except PlatformError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Base:
    """What everything else is built on."""

    settings: Settings
    dsn: str
    clock: Clock
    entropy: Entropy
    database: Database
    registry: Registry
    access: AccessStore
    cards: CardStore
    codes: CodeStore
    marks: MarkFiles
    module: CryptoModule
    keys: KeyRing
    local: Mapping[str, bytes]
    filled_at: datetime | None
    trust: TrustFolder


async def start_node(
    settings: Settings,
    passphrase: str,
    dsn: str,
    *,
    clock: Clock | None = None,
    module: CryptoModule | None = None,
) -> Node:
    """Build and start the parts of one worker; the database need not be up yet.

    Without a `clock` or `module` it takes the machine's own clock, and the keys of the
    key file in this process.
    """
    base = await _base(settings, passphrase, dsn, clock=clock or SystemClock(), module=module)
    node = _assemble(base)
    node.listener.start()
    if "crypto" not in settings.roles and isinstance(base.module, MachineCryptoModule):
        roll = MachineRoll(base.module, settings.crypto.machines)
        watch = CryptoWatch(dsn, ProxyStore(base.database), roll, entropy=base.entropy)
        node.tasks.append(asyncio.create_task(watch.keep_watching()))
    node.tasks += [
        asyncio.create_task(node.keys.keep_fresh()),
        asyncio.create_task(node.request_log.keep_flushing()),
        asyncio.create_task(keep_watching(node.console.desk, node.database)),
        asyncio.create_task(keep_flushing(node.traffic, TrafficStore(node.database), base.clock)),
    ]
    if node.checkpoints:
        every = settings.checkpoint_seconds
        node.tasks.append(asyncio.create_task(node.checkpoints.keep(every=every)))
    loading = Loading(node.loaded, node.answers, lambda: node.access.rows_read)
    await wait_until_loaded(loading, look_seconds=PATIENCE_SECONDS)
    return node


async def _base(
    settings: Settings, passphrase: str, dsn: str, *, clock: Clock, module: CryptoModule | None
) -> _Base:
    keys = open_key_file(settings.key_file, passphrase)
    if not settings.crypto.holds_no_keys_here:
        refuse_public_keys_in_production(keys, settings.mode)
    entropy = SystemEntropy()
    database = await Database.connect(dsn, size=POOL_SIZE, name="openehc")
    ring = KeyRing(lambda: open_key_file(settings.key_file, passphrase), keys, database, entropy)
    marks = marks_of(settings)
    cards = RotatingCardStore(database, ring, entropy, marks=marks)
    return _Base(
        settings=settings,
        dsn=dsn,
        clock=clock,
        entropy=entropy,
        database=database,
        registry=Registry(profiles={NATIONAL.name: NATIONAL}),
        access=AccessStore(database, ring.sealer, entropy),
        cards=cards,
        codes=CodeStore(database, cards),
        marks=marks,
        module=module or open_module(settings.crypto, keys.module, local=keys.local),
        keys=ring,
        local=keys.local,
        filled_at=keys.filled_at,
        trust=TrustFolder(settings.data / TRUST_FOLDER, passphrase),
    )


def _assemble(base: _Base) -> Node:
    settings, clock = base.settings, base.clock
    traffic = Traffic(workers=settings.workers)
    verify = VerifyCode(
        store=base.codes, module=base.module, foreign=NoNetwork(), supplement=settings.supplement,
        own=settings.ehcin, legacy=dict(settings.legacy_channels),
    )  # fmt: skip
    change = ChangeCard(base.cards, base.entropy)
    spec, request_log, public = load(), RequestLog(), _public(base)
    trail = AuditTrail(base.database, base.entropy, base.marks)
    pipeline = Pipeline(
        spec=spec,
        registry=base.registry,
        rules=OpeningRules(window=settings.window, large_methods=PHOTO_METHODS),
        handlers=_handlers(base, verify, change),
        in_flight=InFlight(),
        clock=clock,
        traffic=traffic,
    )
    return Node(
        settings=settings,
        database=base.database,
        registry=base.registry,
        access=base.access,
        cards=base.cards,
        codes=base.codes,
        module=base.module,
        change_card=change,
        door=_door(settings, pipeline, clock, request_log),
        traffic=traffic,
        page=AuthorisationPage(DecideConsent(base.codes, verify), base.registry, spec, clock),
        public_pages=public.pages(),
        console=Console(_console_parts(base, trail, public)),
        trail=trail,
        marks=base.marks,
        checkpoints=checkpoints_of(settings, base.local, base.database, clock, base.marks),
        request_log=request_log,
        listener=_listener(base),
        keys=base.keys,
        filled_at=base.filled_at,
    )


def _door(settings: Settings, pipeline: Pipeline, clock: Clock, log: RequestLog) -> Door:
    peers = PeerFinder(_networks(settings))
    told = settings.tls_client_certificates is ClientCertificates.FORWARDED
    return Door(pipeline, clock, log, peers, ForwardedCertificate(peers) if told else None)


def _public(base: _Base) -> PublicLists:
    online_for = timedelta(hours=base.settings.online_hours)
    return PublicLists.over(base.database, base.clock, online_for=online_for)


def _console_parts(base: _Base, trail: AuditTrail, public: PublicLists) -> ConsoleParts:
    return ConsoleParts(
        settings=base.settings, database=base.database, clock=base.clock, entropy=base.entropy,
        registry=base.registry, cards=base.cards, codes=base.codes, module=base.module,
        keys=base.keys, trail=trail, trust=base.trust, local=base.local, public=public,
    )  # fmt: skip


def _handlers(base: _Base, verify: VerifyCode, change: ChangeCard) -> dict[str, Handler]:
    settings = base.settings
    generate = GenerateCode(base.codes, base.module, base.entropy, settings.longest_life)
    card_methods = CardMethods(
        cards=base.cards,
        register_card=RegisterCard(base.cards, base.module, base.entropy, settings.ehcin),
        change_card=change,
        generate_code=generate,
        public_account_qrcode=settings.public_account_qrcode,
    )
    code_methods = CodeMethods(
        cards=base.cards,
        generate_code=generate,
        verify_code=verify,
        ask_consent=AskConsent(base.codes, base.entropy, f"{settings.base_url}/a/"),
        query_consent=QueryConsent(base.codes, base.cards),
    )
    usage_methods = UsageMethods(base.cards, UsageRecords(UsageStore(base.database)))
    return card_methods.handlers() | code_methods.handlers() | usage_methods.handlers()


def _listener(base: _Base) -> Listener:
    registry, access = base.registry, base.access

    async def reload() -> None:
        await base.keys.renew_or_tell()  # first: the registers may be sealed under a new key
        registry.replace(await access.registers())

    async def changed(channel: str, payload: str) -> None:
        if channel == KEYS_CHANNEL:
            await base.keys.renew_or_tell()
            return
        rows = changed_rows(payload)
        if rows is None:
            await reload()
            return
        await base.keys.renew_or_tell()
        table, keys = rows
        registry.change(table, keys, await access.rows_of(table, keys))

    return Listener(base.dsn, [CHANNEL, KEYS_CHANNEL], changed, reload)


def _networks(settings: Settings) -> tuple[IPv4Network | IPv6Network, ...]:
    """The load balancers that are believed, as networks of one address each."""
    return tuple(ip_network(address) for address in sorted(settings.proxies))
