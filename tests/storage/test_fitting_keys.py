"""A node does not start, and rotates nothing, with a key file that is not the database's."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from openehc.access.credentials import secret_row
from openehc.cli.main import main
from openehc.crypto.keyfile import KeyPurpose, open_key_file
from openehc.crypto.node_keys import NodeKeys, fresh_node_keys, with_new_sealing_key
from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.ids import SystemEntropy
from openehc.storage.pool import Database
from openehc.wiring.fitting_keys import KeysDoNotFit, require_fitting_keys
from openehc.wiring.rotation import retire
from openehc.wiring.rotation_worker import Kind
from tests.support.crypto_modules import OTHER_KEYS
from tests.support.key_rotation import PASSPHRASE, Keyed, filled
from tests.support.node import environment, made_node

EHCIN = "9901A0001"
ROWS = "select (select count(*) from users) + (select count(*) from key_rotations)"


async def fits(keyed: Keyed, keys: NodeKeys) -> None:
    await require_fitting_keys(keyed.database, keys, where=keyed.key_file.path)


def others() -> NodeKeys:
    return fresh_node_keys(OTHER_KEYS, local={}, entropy=SystemEntropy())


async def rotated(keyed: Keyed, kind: Kind) -> NodeKeys:
    """Fill the database, rotate, and put the key file from before back; returns the newer keys."""
    worker = await keyed.worker()
    await filled(worker, 2)
    await worker.follow()
    before = keyed.key_file.path.read_bytes()
    await keyed.rotation().rotate(kind)
    newer = keyed.keys()
    keyed.key_file.path.write_bytes(before)
    return newer


# ---------------------------------------------------------------- which keys fit


async def test_a_fresh_database_takes_any_keys(keyed: Keyed) -> None:
    await fits(keyed, others())


async def test_the_keys_of_the_rows_fit(keyed: Keyed) -> None:
    await filled(await keyed.worker(), 2)

    await fits(keyed, keyed.keys())


async def test_other_keys_do_not(keyed: Keyed) -> None:
    await filled(await keyed.worker(), 2)

    with pytest.raises(KeysDoNotFit, match="other keys than those"):
        await fits(keyed, others())


async def test_another_blind_index_key_does_not(keyed: Keyed) -> None:
    await filled(await keyed.worker(), 2)

    with pytest.raises(KeysDoNotFit, match="another blind index key"):
        await fits(keyed, replace(keyed.keys(), blind_index=b"2" * 32))


@pytest.mark.parametrize("kind", Kind)
async def test_after_a_rotation_the_older_keys_do_not_and_the_newer_do(
    keyed: Keyed, kind: Kind
) -> None:
    newer = await rotated(keyed, kind)

    await fits(keyed, newer)
    with pytest.raises(KeysDoNotFit, match=r"older than the database, .* key of version 2"):
        await fits(keyed, keyed.keys())


async def test_a_new_key_of_the_same_version_does_not_stand_for_the_one_in_use(
    keyed: Keyed,
) -> None:
    await rotated(keyed, Kind.SEALING)
    older = ProfileSealer(keyed.keys().sealing, current=1)
    row = await keyed.database.fetchrow("select app_id from applications")
    assert row
    left = older.seal(b"a secret", row=secret_row(row["app_id"]), entropy=SystemEntropy()).content
    await keyed.database.execute("update applications set sealed_previous = $1", left)

    with pytest.raises(KeysDoNotFit, match="opens under version 2"):
        await fits(keyed, with_new_sealing_key(keyed.keys(), b"2" * 16))


async def test_keys_from_after_a_rotation_fit_a_database_from_before_it(keyed: Keyed) -> None:
    await filled(await keyed.worker(), 2)
    later = replace(with_new_sealing_key(keyed.keys(), b"2" * 16), sealing_current=2)

    await fits(keyed, later)


async def test_one_damaged_value_stops_no_node(keyed: Keyed) -> None:
    await filled(await keyed.worker(), 2)
    await keyed.database.execute("update card_photos set sealed_photo = '\\x000100'")
    await keyed.database.execute("update users set sealed_credentials = '\\xffff00'")

    await fits(keyed, keyed.keys())


# ---------------------------------------------------------------- what follows


@pytest.mark.parametrize("kind", Kind)
async def test_an_older_key_file_rotates_nothing_and_stays_as_it_was(
    keyed: Keyed, kind: Kind
) -> None:
    await rotated(keyed, kind)
    older, rows = keyed.key_file.path.read_bytes(), await keyed.database.fetchval(ROWS)

    with pytest.raises(KeysDoNotFit, match="Nothing was changed"):
        await keyed.rotation().rotate(kind)

    assert keyed.key_file.path.read_bytes() == older
    assert await keyed.database.fetchval(ROWS) == rows


async def test_an_older_key_file_retires_nothing(keyed: Keyed) -> None:
    await rotated(keyed, Kind.SEALING)
    older = keyed.key_file.path.read_bytes()

    with pytest.raises(KeysDoNotFit, match="older than the database"):
        await retire(keyed.database, keyed.key_file)

    assert keyed.key_file.path.read_bytes() == older


def made(folder: Path) -> Path:
    return made_node(folder, KeyPurpose.DEBUGGING)


async def served(folder: Path, dsn: str) -> tuple[int | None, str]:
    """`ehc serve`, which these keys do not let start: how it ended and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "openehc", "serve", "--data", folder, "--dsn", dsn,
        stderr=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    _, said = await process.communicate()
    return process.returncode, said.decode("utf-8")


async def test_a_node_with_other_keys_does_not_start_and_writes_nothing(
    keyed: Keyed, tmp_path: Path
) -> None:
    await filled(await keyed.worker(), 2)
    rows = await keyed.database.fetchval(ROWS)
    folder = made(tmp_path / "second")
    before = open_key_file(folder / "keys.json", PASSPHRASE)

    ended, said = await served(folder, keyed.dsn)

    assert ended == 1
    assert "other keys than those" in said
    assert await keyed.database.fetchval(ROWS) == rows
    assert open_key_file(folder / "keys.json", PASSPHRASE) == before


async def test_a_node_whose_keys_were_erased_says_so(
    database: Database, database_dsn: str, tmp_path: Path
) -> None:
    del database  # its schema is there
    folder = made(tmp_path / "node")
    words = ["keys", "erase", "--data", str(folder)]
    erased = await asyncio.to_thread(
        CliRunner().invoke, main, words, input=f"示例管理员\n停用\n{EHCIN}\n"
    )

    ended, said = await served(folder, database_dsn)

    assert erased.exit_code == 0, erased.output
    assert ended == 1
    assert "were erased on" in said
    assert "示例管理员" in said
