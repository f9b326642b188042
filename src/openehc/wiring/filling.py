"""Filling keys into a node's key file, and the page that proves what they make.

A key of the crypto module takes effect at the node's next start, and only then: filling
one under a serving node is refused. A sealing or blind index key is kept in waiting until
`Rotation.rotate` brings it into use. Asks nobody and prints nothing.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from openehc.crypto.ceremony import (
    FillingPage,
    KeyName,
    Sheet,
    check_values_of,
    filling_page,
)
from openehc.crypto.keyfile import write_durably
from openehc.crypto.keyfile_changing import change_key_file
from openehc.crypto.keyfile_use import unused
from openehc.crypto.module.soft import ModuleKeys, SoftCryptoModule
from openehc.crypto.node_keys import (
    NodeKeys,
    with_module_keys,
    with_new_index_key,
    with_new_sealing_key,
)
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import PlatformError
from openehc.storage.pool import Database
from openehc.wiring.creating import write_private
from openehc.wiring.crypto_backend import close_module, open_module
from openehc.wiring.rotation_database import running_dsn
from openehc.wiring.rotation_worker import SILENT_SECONDS
from openehc.wiring.settings import Settings

PAGE: Final = "keys.filled.json"

WORKERS: Final = """
select described from key_readers
 where seen_at > clock_timestamp() - make_interval(secs => $1)
 order by described
"""


class FillingRefused(Exception):
    """The key cannot be filled in now; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Check values of every held key, before and after."""

    before: Mapping[str, str]
    after: Mapping[str, str]


def fill_key(
    settings: Settings, passphrase: str, *, name: KeyName, key: bytes, now: datetime,
    entropy: Entropy,
) -> Filled:  # fmt: skip
    """Put one key into the key file; a key of the crypto module renews the page.

    Raises FillingRefused, and what changing the key file raises.
    """
    changed = change_key_file(
        settings.key_file, passphrase, lambda keys: _with(keys, name, key, now),
        now=now, entropy=entropy,
    )  # fmt: skip
    if name in {KeyName.SAFE, KeyName.PROTECT}:
        write_page(settings, changed.after)
    return Filled(check_values_of(changed.before), check_values_of(changed.after))


def _with(keys: NodeKeys, name: KeyName, key: bytes, now: datetime) -> NodeKeys:
    module = keys.module
    try:
        if name is KeyName.SAFE:
            return with_module_keys(keys, ModuleKeys(key, module.protect_key), filled_at=now)
        if name is KeyName.PROTECT:
            return with_module_keys(keys, ModuleKeys(module.safe_key, key), filled_at=now)
        return (
            with_new_sealing_key(keys, key)
            if name is KeyName.SEALING
            else with_new_index_key(keys, key)
        )
    except ValueError as wrong:
        raise FillingRefused(f"{name.value}: {wrong}") from None


def held_key(keys: NodeKeys, name: KeyName) -> bytes:
    """The key of that name which is in use."""
    return {
        KeyName.SAFE: keys.module.safe_key,
        KeyName.PROTECT: keys.module.protect_key,
        KeyName.SEALING: keys.sealing[keys.sealing_current],
        KeyName.BLIND_INDEX: keys.blind_index,
    }[name]


def page_of(keys: NodeKeys) -> FillingPage:
    """What these keys make of the invented person, in software."""
    return asyncio.run(filling_page(SoftCryptoModule(keys.module)))


def page_of_module(settings: Settings, keys: NodeKeys) -> FillingPage:
    """What the crypto module that the node uses makes of the invented person."""

    async def ask() -> FillingPage:
        module = open_module(settings.crypto, keys.module, local=keys.local)
        try:
            return await filling_page(module)
        finally:
            await close_module(module)

    return asyncio.run(ask())


def keep_page(settings: Settings, page: FillingPage) -> Path:
    """Keep the page of keys that were filled into a device; raises FillingRefused over another."""
    path = settings.data / PAGE
    if path.exists():
        raise FillingRefused(f"{path} is there: move it away first")
    told = {"ehcin": settings.ehcin, "filled_at": None, **page.fields()}
    write_private(path, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    return path


def write_page(settings: Settings, keys: NodeKeys) -> Path:
    """Write `keys.filled.json`; it holds no key and may be kept anywhere."""
    filled_at = keys.filled_at.isoformat() if keys.filled_at else None
    told = {"ehcin": settings.ehcin, "filled_at": filled_at, **page_of(keys).fields()}
    path = settings.data / PAGE
    write_private(path, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    return path


def read_page(path: Path) -> dict[str, Any]:
    """The page of an earlier filling; raises FillingRefused when there is none."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FillingRefused(
            f"there is no page of the filling at {path}: it is written when keys are filled in"
        ) from None
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise FillingRefused(f"{path} is no page of a filling")
    return told


def save_sheets(folder: Path, sheets: tuple[Sheet, ...]) -> list[Path]:
    """One file of mode 0600 for each sheet; raises FileExistsError before any is written."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    places = [
        folder / f"{sheet.key.value}.{sheet.kind.value}-{sheet.part}-of-{sheet.of}.txt"
        for sheet in sheets
    ]
    for place in places:
        if place.exists():
            raise FileExistsError(f"{place} exists: sheets are never overwritten")
    for place, sheet in zip(places, sheets, strict=True):
        write_durably(place, sheet.text().encode())
    return places


@contextmanager
def nobody_serving(settings: Settings) -> Iterator[None]:
    """While the block runs no node and no front proxy serves with these keys.

    Raises KeyFileInUse for one of this computer, FillingRefused for card nodes elsewhere that
    share the database.
    """
    with unused(settings.key_file):
        if workers := workers_at_work(settings):
            raise FillingRefused(
                f"a node serves from this database ({', '.join(workers)}): stop it first, or some"
                " of its workers would use the old keys and some the new"
            )
        yield


def workers_at_work(settings: Settings) -> list[str]:
    """The workers that use this node's keys at the moment, as its database knows them."""
    dsn = settings.dsn or running_dsn(settings.data / "postgres")
    if dsn is None:
        return []

    async def ask() -> list[str]:
        database = await Database.connect(dsn, size=1, name="openehc keys")
        try:
            return [row["described"] for row in await database.fetch(WORKERS, SILENT_SECONDS)]
        finally:
            await database.close()

    try:
        return asyncio.run(ask())
    except PlatformError:  # away, or without our tables: nobody serves from it
        return []
