"""Callers, machines and records of the proxy in the database: the only file that touches it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Final
from uuid import UUID

import msgspec

from openehc.audit.model import OK
from openehc.crypto.remote.calls import Call
from openehc.crypto.sm2 import Sm2PublicKey
from openehc.proxy.model import Caller, CallRecord, Result
from openehc.proxy.record_calls import ACTION
from openehc.proxy.sql import (
    DELETE_WORKER,
    REVOKE_CALLER,
    SELECT_CALLERS,
    SELECT_CALLS,
    SELECT_MACHINES,
    SELECT_NAME_OF_KEY,
    SELECT_NOW,
    SELECT_WORKERS,
    UPSERT_CALLER,
    UPSERT_MACHINE,
    UPSERT_WORKER,
)
from openehc.storage.pool import Database, Transaction

CHANNEL: Final = "crypto"
"""The notification channel on which the database tells that callers or machines changed."""

SILENT_SECONDS: Final = 20
"""A worker unseen for so long is gone."""

MOST_RECORDS: Final = 1_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_IN: Final = "in"
_OUT: Final = "out"


class KeyTaken(ValueError):
    """The key belongs to another caller on the list."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker says of the machines: HOST:PORT and its state."""

    described: str
    machines: Mapping[str, str]
    seen_at: datetime


class ProxyStore:
    """The tables `crypto_callers`, `crypto_machines`, `crypto_workers`, and records of calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def callers(self) -> list[Caller]:
        """Everybody on the allow-list, the revoked too; a call that we do not know is left out."""
        known = set(Call)
        return [
            Caller(
                name=row["name"], key=Sm2PublicKey(row["public_key"]),
                calls=frozenset(Call(call) for call in row["calls"] if call in known),
                networks=tuple(ip_network(str(one)) for one in row["networks"]),
                allowed_at=row["allowed_at"], revoked_at=row["revoked_at"],
            )
            for row in await self._database.fetch(SELECT_CALLERS)
        ]  # fmt: skip

    async def machines(self) -> dict[tuple[str, int], bool]:
        """The changes to the machines of the setting: whether one is wanted, oldest first."""
        rows = await self._database.fetch(SELECT_MACHINES)
        return {(row["host"], row["port"]): row["wanted"] == _IN for row in rows}

    async def workers(self) -> list[WorkerReport]:
        """What the workers say that were heard of lately."""
        rows = await self._database.fetch(SELECT_WORKERS, SILENT_SECONDS)
        return [
            WorkerReport(row["described"], msgspec.json.decode(row["machines"]), row["seen_at"])
            for row in rows
        ]

    async def now(self) -> datetime:
        """The database's clock, by which workers report."""
        moment: datetime = await self._database.fetchval(SELECT_NOW)
        return moment

    async def report(self, worker: UUID, *, described: str, machines: Mapping[str, str]) -> None:
        """Tell how this worker does."""
        told = msgspec.json.encode(dict(machines)).decode()
        await self._database.execute(UPSERT_WORKER, worker, described, told)

    async def leave(self, worker: UUID) -> None:
        """This worker serves no more."""
        await self._database.execute(DELETE_WORKER, worker)

    async def calls(self, *, since: datetime, caller: str, most: int) -> list[CallRecord]:
        """The latest recorded calls, newest first."""
        rows = await self._database.fetch(SELECT_CALLS, ACTION, since, caller, MOST_RECORDS)
        found = [
            CallRecord(
                row["actor_id"], row["address"], Call(call), machine, _result(row["result"]),
                _EPOCH + timedelta(milliseconds=at),
            )
            for row in rows
            for at, call, machine in reversed(msgspec.json.decode(row["after"])["calls"])
        ]  # fmt: skip
        return found[:most]


async def save_caller(connection: Transaction, caller: Caller) -> None:
    """Put the caller on the list, or change it; raises `KeyTaken`."""
    other = await connection.fetchval(SELECT_NAME_OF_KEY, caller.key.raw, caller.name)
    if other is not None:
        raise KeyTaken(f"this key is the key of {other}")
    await connection.execute(
        UPSERT_CALLER, caller.name, caller.key.raw, sorted(caller.calls), list(caller.networks),
        caller.allowed_at,
    )  # fmt: skip


async def revoke_caller(connection: Transaction, name: str, *, now: datetime) -> bool:
    """Take the caller off the list; false when nobody of this name is on it."""
    return await connection.execute(REVOKE_CALLER, name, now) == "UPDATE 1"


async def want_machine(connection: Transaction, host: str, *, port: int) -> None:
    """Every worker uses this machine from now on."""
    await connection.execute(UPSERT_MACHINE, host, port, _IN)


async def unwant_machine(connection: Transaction, host: str, *, port: int) -> None:
    """No worker uses this machine from now on."""
    await connection.execute(UPSERT_MACHINE, host, port, _OUT)


def wanted_machines(
    setting: Iterable[tuple[str, int]], changes: Mapping[tuple[str, int], bool]
) -> list[tuple[str, int]]:
    """The machines that shall serve: those of the setting, with the later changes."""
    kept = [one for one in dict.fromkeys(setting) if changes.get(one, True)]
    return [*kept, *(one for one, wanted in changes.items() if wanted and one not in kept)]


def _result(text: str) -> Result:
    return Result.OK if text == OK else Result(text)
