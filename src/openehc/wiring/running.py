"""A node as processes: the database, the workers, and what keeps them alive.

Starts the embedded PostgreSQL unless a DSN was given, brings the schema up to date,
then lets uvicorn's supervisor run the workers; restarts what dies. Serves nothing itself.
"""

import asyncio
import logging
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn

import uvicorn

from openehc.access.record_store import enter_ehcin as keep_ehcin
from openehc.access.store import AccessStore
from openehc.crypto.keyfile import open_key_file, refuse_public_keys_in_production
from openehc.crypto.sealing import ProfileSealer
from openehc.gateway.direct_http import DirectProtocol
from openehc.kernel.clock import SystemClock, china_day
from openehc.kernel.ids import SystemEntropy
from openehc.kernel.refusal import PlatformError
from openehc.storage.embedded import EmbeddedPostgres
from openehc.storage.migrations import migrate
from openehc.storage.partitions import ensure_day_partitions
from openehc.storage.pool import Database
from openehc.storage.schema_guard import require_fitting_schema
from openehc.wiring.audit_key import keys_with_audit_key
from openehc.wiring.client_certificates import ClientCertificates
from openehc.wiring.proxy_keys import require_keys
from openehc.wiring.request_logs import request_logs_kept
from openehc.wiring.settings import Settings, WrongSettings
from openehc.wiring.supervising import SocketEach, bind_sockets
from openehc.wiring.tls import (
    ContextFactory,
    WrongCertificate,
    context_factory,
    greet,
    unchecked_context,
)
from openehc.wiring.worker import ApplicationFactory
from openehc.wiring.workers_database import DAILY_TABLES

BACKLOG: Final = 4096
"""Below this, 1,000 clients that connect at once overflow the queue of connections."""

KEEP_ALIVE_SECONDS: Final = 75
WATCH_SECONDS: Final = 0.5
_log = logging.getLogger("openehc.node")

Prepare = Callable[[AccessStore], "asyncio.Future[None] | None"]


@contextmanager
def database_of(settings: Settings) -> Iterator[str]:
    """The owner's DSN of the node's database; the embedded server runs as long as the block."""
    if settings.dsn:
        yield settings.owner_dsn or settings.dsn
        return
    server = EmbeddedPostgres(settings.data / "postgres")
    dsn = server.start()
    ended = threading.Event()
    watcher = threading.Thread(target=_keep_alive, args=(server, ended), daemon=True)
    watcher.start()
    try:
        yield dsn
    finally:
        ended.set()
        watcher.join()
        server.stop()


def _keep_alive(server: EmbeddedPostgres, ended: threading.Event) -> None:
    """Start the embedded server again whenever it is gone; it recovers what it committed.

    Its log is kept small meanwhile.
    """
    while not ended.wait(WATCH_SECONDS):
        if server.alive():
            with suppress(OSError):  # tried again at the next look
                server.keep_log_small()
        else:
            _log.warning("the embedded database is gone; starting it again")
            try:
                server.start()
            except (PlatformError, OSError, RuntimeError) as failure:
                _log.error("the embedded database does not start: %s", failure)


def prepare_database(dsn: str) -> None:
    """Bring the schema up to date and make the days ahead."""
    require_fitting_schema_or_migrate(dsn)

    async def partitions() -> None:
        database = await Database.connect(dsn, size=1, name="openehc preparing")
        try:
            today = china_day(SystemClock().now())
            await ensure_day_partitions(database, DAILY_TABLES, today=today)
        finally:
            await database.close()

    asyncio.run(partitions())


def require_fitting_schema_or_migrate(dsn: str) -> None:
    """Migrate forward; a database newer than the program is refused."""
    migrate(dsn)
    require_fitting_schema(dsn)


def enter_ehcin(settings: Settings, dsn: str) -> None:
    """Keep the node's number at its first start; raises WrongSettings when it changed since."""

    async def run() -> str:
        database = await Database.connect(dsn, size=1, name="openehc preparing")
        try:
            return await keep_ehcin(database, settings.ehcin)
        finally:
            await database.close()

    entered = asyncio.run(run())
    if entered != settings.ehcin:
        raise WrongSettings(
            f"node.ehcin is {settings.ehcin}, but this node was set up as {entered}: the EHCIN "
            "is entered once and never changed (附录D.1); put it back, or make another node"
        )


def with_access_store(
    settings: Settings, passphrase: str, dsn: str, work: Callable[[AccessStore], object]
) -> None:
    """Run an async `work` on the registers, outside any worker."""
    keys = open_key_file(settings.key_file, passphrase)
    sealer = ProfileSealer(keys.sealing, current=keys.sealing_current)

    async def run() -> None:
        database = await Database.connect(dsn, size=1, name="openehc registering")
        try:
            await work(AccessStore(database, sealer, SystemEntropy()))  # type: ignore[misc]
        finally:
            await database.close()

    asyncio.run(run())


def run_workers(
    settings: Settings, passphrase: str, dsn: str, *, on_ready: Callable[[], None]
) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` is called once when requests are accepted."""
    keys = keys_with_audit_key(settings.key_file, passphrase)
    if not settings.crypto.holds_no_keys_here:
        refuse_public_keys_in_production(keys, settings.mode)
    require_keys(settings, passphrase)
    config = uvicorn.Config(
        ApplicationFactory(settings, dsn, passphrase),
        factory=True, host=settings.host, port=settings.port, workers=settings.workers,
        http=DirectProtocol, ws="none", lifespan="on", access_log=False, log_level="warning",
        log_config=None, backlog=BACKLOG, timeout_keep_alive=KEEP_ALIVE_SECONDS,
        server_header=False, date_header=False, proxy_headers=False,
        ssl_context_factory=_tls(settings),
    )  # fmt: skip
    try:
        sockets = bind_sockets(config)
    except OSError as error:
        raise WrongSettings(f"{settings.host}:{settings.port}: {error.strerror}") from None
    supervisor = SocketEach(config, sockets=sockets)
    announcer = threading.Thread(
        target=_announce, args=(settings, supervisor.should_exit, on_ready), daemon=True
    )
    announcer.start()
    try:
        with request_logs_kept(settings):
            supervisor.run()
    finally:
        for socket in sockets:
            socket.close()


def _tls(settings: Settings) -> ContextFactory | None:
    """How the workers speak TLS; files that cannot be used stop the start."""
    try:
        return context_factory(settings)
    except WrongCertificate as wrong:
        raise WrongSettings(str(wrong)) from None


def _announce(settings: Settings, ended: threading.Event, on_ready: Callable[[], None]) -> None:
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104
    tls = unchecked_context() if settings.tls_certificate else None
    url = f"{'https' if tls else 'http'}://{host}:{settings.port}/health/ready"
    while not ended.wait(0.1):
        with suppress(urllib.error.URLError, OSError):
            if settings.tls_client_certificates is ClientCertificates.DEMANDED:
                greet(host, settings.port)
            else:
                urllib.request.urlopen(url, timeout=2, context=tls).close()  # noqa: S310 (made above)
            on_ready()
            return


@contextmanager
def orderly_exit() -> Iterator[None]:
    """While the node is prepared, SIGTERM ends it like Ctrl-C: everything is stopped."""

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(0)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
