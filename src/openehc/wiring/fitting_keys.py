"""Whether a key file holds the keys under which the database's rows are.

Asked before a node serves and before keys are rotated: with other keys nobody would be found,
the same person would get a second account, and new rows would lie under keys that the other
nodes on this database do not hold. Looks at a few rows of each sealed column, so one damaged
value stops nobody. Changes nothing.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openehc.cards.store import CardStore
from openehc.crypto.keyfile import KeyFileDamaged, KeyFileError, KeyFileMissing, open_key_file
from openehc.crypto.keyfile_erasing import PROOF, read_record
from openehc.crypto.node_keys import NodeKeys
from openehc.crypto.sealing import BlindIndexer, ProfileSealer
from openehc.crypto.sm4 import SealBroken
from openehc.kernel.ids import SystemEntropy
from openehc.storage.pool import Database
from openehc.wiring import rotation_sql as sql
from openehc.wiring.rotation_rows import SEALED, SealedColumn
from openehc.wiring.rotation_worker import KeyState, VersionsInUse, versions_in_use
from openehc.wiring.settings import Settings

_LOOKED_AT: Final = 20
"""Rows of each column: enough to tell other keys from a damaged value."""

_SEALED: Final = "select {key}, {column} as sealed from {table} where {column} is not null limit $1"

_CARDS: Final = """
select ehcid, state, sealed_profile, blacklisted_at is not null as blacklisted, revision,
       merged_into, name_index
  from cards where state <> 'closed' limit $1
"""

_log: Final = logging.getLogger("openehc.keys")


class KeysDoNotFit(KeyFileError):
    """The key file is not the database's; the text says how they differ and what to do."""


class KeysErased(KeyFileError):
    """The keys were erased, or somebody began to; the text says when and by whom."""


@dataclass(slots=True)
class _Seen:
    """How many values of one version were looked at, and how many of them opened."""

    values: int = 0
    opened: int = 0


def keys_of_database(settings: Settings, passphrase: str, dsn: str) -> NodeKeys:
    """The keys of the node's key file, which fit the database at `dsn`.

    A front proxy without cards keeps nothing sealed, and may share its database with others
    that have key files of their own: it is not asked. Raises KeysDoNotFit, KeysErased, what
    `open_key_file` raises, DatabaseDown.
    """
    keys = opened_or_erased(settings.key_file, passphrase)
    if "card" in settings.roles:
        asyncio.run(_asked(dsn, keys, where=settings.key_file))
    return keys


def opened_or_erased(path: Path, passphrase: str) -> NodeKeys:
    """The keys; raises KeysErased where a record tells why they cannot be opened."""
    try:
        return open_key_file(path, passphrase)
    except (KeyFileMissing, KeyFileDamaged):
        told = _erasure(path)
        if told is None:
            raise
    raise KeysErased(told)


async def require_fitting_keys(database: Database, keys: NodeKeys, *, where: Path) -> None:
    """Raise KeysDoNotFit unless `keys`, of the file `where`, are those of the rows."""
    row = await database.fetchrow(sql.STATE)
    if row is None:
        raise KeysDoNotFit("the table key_state is empty: restore the database")
    used = versions_in_use(KeyState(**dict(row)), of_file=keys.sealing_current)
    # 1. the versions that the database asks for
    _require_held(keys, used, where=where)
    # 2. the sealing keys themselves
    seen: dict[int, _Seen] = {}
    sealer = ProfileSealer(keys.sealing, current=used.sealing)
    for column in SEALED:
        await _look(database, column, sealer, seen)
    _judge(seen, used, where=where)
    # 3. the key of the blind index
    await _require_index(database, keys, used, where=where)


async def _asked(dsn: str, keys: NodeKeys, *, where: Path) -> None:
    database = await Database.connect(dsn, size=1, name="openehc preparing")
    try:
        await require_fitting_keys(database, keys, where=where)
    finally:
        await database.close()


def _require_held(keys: NodeKeys, used: VersionsInUse, *, where: Path) -> None:
    lacking = [
        f"the {name} key of version {version}"
        for name, wanted, held in (
            ("sealing", (used.sealing,), keys.sealing),
            ("blind index", used.index, keys.blind_indexes),
        )
        for version in wanted
        if version not in held
    ]
    if lacking:
        raise KeysDoNotFit(
            f"{where} is older than the database, which is under {' and '.join(lacking)}: keys"
            " were rotated after this file was written. Take the file of the machine on which"
            " they were rotated, or its newest backup. Nothing was changed"
        )


async def _look(
    database: Database, column: SealedColumn, sealer: ProfileSealer, seen: dict[int, _Seen]
) -> None:
    select = _SEALED.format(key=column.key, column=column.column, table=column.table)
    for row in await database.fetch(select, _LOOKED_AT):
        of_version = seen.setdefault(int.from_bytes(row["sealed"][:2], "big"), _Seen())
        of_version.values += 1
        try:
            sealer.open(row["sealed"], row=column.identity(row[column.key]))
        except SealBroken:
            continue
        of_version.opened += 1


def _judge(seen: dict[int, _Seen], used: VersionsInUse, *, where: Path) -> None:
    """Raise where nothing opens under the version in use, or nothing at all.

    Values of another version that do not open are told: they may be remains of a disk's fault.
    """
    current = seen.get(used.sealing)
    nothing = bool(seen) and not any(one.opened for one in seen.values())
    if nothing or (current is not None and not current.opened):
        raise KeysDoNotFit(
            f"{where} holds other keys than those under which this database is sealed (none of"
            f" {sum(one.values for one in seen.values())} values that were looked at opens under"
            f" version {used.sealing}): give this node its own key file, or its own database."
            " Nothing was changed"
        )
    for version, one in seen.items():
        if not one.opened:
            _log.warning("none of %d values under sealing key %d opens", one.values, version)


async def _require_index(
    database: Database, keys: NodeKeys, used: VersionsInUse, *, where: Path
) -> None:
    """Raise unless some person's name is found; during a rotation under any key in use."""
    indexers = [BlindIndexer(keys.blind_indexes[version]) for version in used.index]
    sealer = ProfileSealer(keys.sealing, current=keys.sealing_current)
    store = CardStore(database, sealer, indexers[0], SystemEntropy())
    looked_at = 0
    for row in await database.fetch(_CARDS, _LOOKED_AT):
        with suppress(SealBroken):
            name = store.account_of(row).resident.user_name
            if row["name_index"] in [one.name(name) for one in indexers]:
                return
            looked_at += 1
    if looked_at:
        raise KeysDoNotFit(
            f"{where} holds another blind index key than the database is indexed under (none of"
            f" {looked_at} persons is found): take the key file that belongs to this database."
            " Nothing was changed"
        )


def _erasure(path: Path) -> str | None:
    """What the record of an erasure tells whoever wants to start the node; None without one."""
    told = read_record(path)
    if told is None:
        return None
    when, who, proof = told["begun_at"], told["who"], path.with_name(PROOF)
    if told["completed"] == "yes":
        return (
            f"the keys of this node were erased on {when} by {who} ({proof}): what they sealed"
            " cannot be read any more. Restore the key file from a backup if that was a mistake,"
            " or make a new node in another folder"
        )
    return (
        f"an erasure of the keys was begun on {when} by {who} and cut short ({proof}): repeat"
        " `ehc keys erase` to end it, or restore the key file from a backup"
    )
