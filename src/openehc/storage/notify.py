"""LISTEN: one connection that tells the others' changes, and says when it may have missed some.

PostgreSQL keeps no notices for a listener that is away, so after every (re)connection
the owner reloads everything. This module does not know what a notice means.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

import asyncpg

from openehc.storage.errors import TROUBLE
from openehc.storage.pool import COMMAND_SECONDS, CONNECT_SECONDS, Connection

OnMessage: TypeAlias = Callable[[str, str], Awaitable[None]]
OnReconnect: TypeAlias = Callable[[], Awaitable[None]]

_PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_SILENCE_SECONDS: Final = 15.0

_log = logging.getLogger(__name__)


class _Lost(Exception):
    """The connection is gone."""


class Listener:
    """Listens on `channels` until stopped, over as many connections as it takes.

    `on_message(channel, payload)` gets the notices one after the other, in order.
    `on_reconnect()` is awaited each time listening begins, the first time too, and
    before the notices that follow: load everything there. When either of them fails,
    the connection is made anew, so that nothing stays missed.
    """

    __slots__ = ("_channels", "_dsn", "_on_message", "_on_reconnect", "_task", "listening")

    def __init__(
        self,
        dsn: str,
        channels: Sequence[str],
        on_message: OnMessage,
        on_reconnect: OnReconnect,
    ) -> None:
        self._dsn: Final = dsn
        self._channels: Final = tuple(channels)
        self._on_message: Final = on_message
        self._on_reconnect: Final = on_reconnect
        self._task: asyncio.Task[None] | None = None
        self.listening: Final = asyncio.Event()
        """Set while listening and loaded; whoever must not serve old data waits for it."""

    def start(self) -> None:
        """Begin, in a task of its own; the server need not be up yet."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="listener")

    async def stop(self) -> None:
        """End; returns when the connection is closed."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._listen()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 (whatever it was, listening must go on)
                failures = 0 if self.listening.is_set() else failures + 1
                _log.warning("listening again after %s", type(error).__name__)
            finally:
                self.listening.clear()
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])

    async def _listen(self) -> None:
        """One connection's life; ends only with an exception."""
        notices: asyncio.Queue[tuple[str, str] | None] = asyncio.Queue()
        connection: Connection = await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            server_settings={"application_name": "listener"},
        )

        def arrived(_connection: Any, _pid: int, channel: str, payload: object) -> None:  # noqa: ANN401
            notices.put_nowait((channel, str(payload)))

        try:
            connection.add_termination_listener(lambda _: notices.put_nowait(None))
            for channel in self._channels:
                await connection.add_listener(channel, arrived)
            await self._on_reconnect()
            self.listening.set()
            await self._deliver(connection, notices)
        finally:
            await _closed(connection, self._channels, arrived)

    async def _deliver(
        self, connection: Connection, notices: "asyncio.Queue[tuple[str, str] | None]"
    ) -> None:
        while True:
            try:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    notice = await notices.get()
            except TimeoutError:
                await connection.execute("select 1")  # a dead network gives no other sign
                continue
            if notice is None:
                raise _Lost
            await self._on_message(*notice)


async def _closed(connection: Connection, channels: Sequence[str], callback: Any) -> None:  # noqa: ANN401
    with suppress(*TROUBLE):
        for channel in channels:
            await connection.remove_listener(channel, callback)
        await connection.close(timeout=CONNECT_SECONDS)
    connection.terminate()
