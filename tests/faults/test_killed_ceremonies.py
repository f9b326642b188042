"""Key files whose change or erasure was killed at every step, and keys that are in use."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bench.ports import free_port
from openehc.cli.main import main
from openehc.crypto.ceremony import check_values_of
from openehc.crypto.keyfile import KeyPurpose, open_key_file
from openehc.crypto.keyfile_changing import change_key_file
from openehc.crypto.keyfile_erasing import begun_erasure
from openehc.crypto.keyfile_use import KeyFileInUse, unused
from openehc.crypto.node_keys import NodeKeys, without_versions
from openehc.kernel.ids import SystemEntropy
from openehc.wiring.fitting_keys import KeysErased, opened_or_erased
from tests.support.killed_at import EHCIN, NEW_KEY, NOW, PASSPHRASE, WHO
from tests.support.node import Processes, environment, kill, made_node
from tests.support.proxied_nodes import node_folder, own_folder
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no signal there kills a process")


def made(folder: Path) -> Path:
    return made_node(folder, KeyPurpose.PRODUCTION)


def killed(change: str, folder: Path) -> list[Path]:
    """The folders as each kill left them, the earliest first; the last one was let alone."""
    command = [sys.executable, "-m", "tests.support.killed_at", change, str(folder)]
    source = Path(__file__).resolve().parents[2]
    subprocess.run(command, check=True, env=environment(), cwd=source, timeout=300)
    count = len(list(folder.parent.glob(f"{folder.name}-*")))
    return [folder.with_name(f"{folder.name}-{step}") for step in range(1, count + 1)]


def keys(folder: Path, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["keys", *words, "--data", str(folder)], input=typed)


def opened(folder: Path) -> NodeKeys:
    return open_key_file(folder / "keys.json", PASSPHRASE)


def names(folder: Path) -> set[str]:
    return {place.name for place in folder.iterdir()}


GUARDS = {".keys.json.lock", ".keys.json.serving"}
"""Files for locks, with nothing in them."""


def record(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "keys.erased.json").read_text("utf-8"))
    return told


# ---------------------------------------------------------------- killed


@pytest.mark.requirement("G2-2.8-4")
def test_an_erasure_that_was_killed_goes_on_under_its_record(tmp_path: Path) -> None:
    folder = made(tmp_path / "node")
    values = check_values_of(opened(folder))
    left = killed("erase", folder)
    begun = 0

    for place in left[:-1]:
        if not (place / "keys.erased.json").exists():
            assert opened(place).sealing  # nothing was lost before there was a record
            continue
        if record(place)["completed"] == "yes":
            assert not (place / "keys.json").exists()
            continue
        begun += 1
        result = keys(place, "erase", typed=f"乙样本\n{EHCIN}\n")
        told = record(place)

        assert result.exit_code == 0, (place, result.output)
        assert (told["who"], told["check_values"], told["completed"]) == (WHO, values, "yes")
        assert [one["who"] for one in told["gone_on"]] == ["乙样本"]
        assert not (place / "keys.json").exists()
        assert {name for name in names(place) if "keys.json" in name} <= GUARDS
    assert begun > 5


def test_a_node_whose_erasure_was_killed_starts_or_says_why_not(tmp_path: Path) -> None:
    told = set()

    for place in killed("erase", made(tmp_path / "node")):
        try:
            opened_or_erased(place / "keys.json", PASSPHRASE)
        except KeysErased as erased:
            told.add("cut short" in str(erased))

    assert told == {True, False}  # and nothing else is raised


def test_a_key_file_put_back_after_a_killed_erasure_is_erased_under_a_new_record(
    tmp_path: Path,
) -> None:
    left = killed("erase", made(tmp_path / "node"))
    place = [one for one in left if begun_erasure(one / "keys.json")][-1]
    (place / "keys.json").write_bytes((made(tmp_path / "other") / "keys.json").read_bytes())

    result = keys(place, "erase", typed=f"乙样本\n搬迁\n{EHCIN}\n")

    assert result.exit_code == 0, result.output
    assert (record(place)["who"], record(place)["reason"]) == ("乙样本", "搬迁")
    assert len(list(place.glob("keys.erased.*.json"))) == 1  # the record of the first one


@pytest.mark.requirement("G2-B-5.3-42")
def test_a_change_that_was_killed_leaves_a_whole_file_and_the_next_one_no_remains(
    tmp_path: Path,
) -> None:
    folder = made(tmp_path / "node")
    before = opened(folder)
    versions = []

    for place in killed("change", folder):
        now = opened(place)
        assert now == before or now.sealing[2] == NEW_KEY, place
        versions.append(len(now.sealing))
        change_key_file(
            place / "keys.json", PASSPHRASE,
            lambda keys: without_versions(keys, sealing={2}) , now=NOW, entropy=SystemEntropy(),
        )  # fmt: skip
        assert opened(place) == before
        assert names(place) == names(folder) | {".keys.json.lock"}, place

    assert versions == sorted(versions)
    assert {1, 2} == set(versions)


# ---------------------------------------------------------------- in use


@pytest.fixture
def proxy() -> Iterator[Processes]:
    """A front proxy without cards, whose workers no register of keys knows."""
    with own_folder() as parent:
        command = ("serve", "--roles", "crypto", "--crypto", "soft")
        proxy = Processes(node_folder(parent, "p"), free_port(), command)
        proxy.start()
        family = proxy.family()
        yield proxy
        kill(family)
        proxy.process.wait()


def test_no_node_starts_while_its_keys_are_changed(tmp_path: Path) -> None:
    folder = made(tmp_path / "node")
    command = [sys.executable, "-m", "openehc", "serve", "--data", str(folder)]

    with unused(folder / "keys.json"):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment(), timeout=120
        )

    assert done.returncode == 1
    assert "filled in or erased at this moment" in done.stderr
    assert not (folder / "postgres").exists()


FILLED = ("generate", "safe-key")
ERASED = ("erase",)


@pytest.mark.requirement("G2-2.8-4")
async def test_keys_are_neither_filled_nor_erased_while_a_front_proxy_serves(
    proxy: Processes,
) -> None:
    before = (proxy.data / "keys.json").read_bytes()

    told = [
        await asyncio.to_thread(keys, proxy.data, *words, typed=f"示例\n停用\n{EHCIN}\n")
        for words in (FILLED, ERASED)
    ]

    assert [one.exit_code for one in told] == [1, 1]
    assert all("stop it first" in one.output for one in told)
    assert (proxy.data / "keys.json").read_bytes() == before


async def test_workers_that_outlive_whoever_started_them_count_as_well(proxy: Processes) -> None:
    workers = proxy.workers()
    for worker in workers:
        worker.suspend()  # one that runs would notice and end
    os.kill(proxy.process.pid, signal.SIGKILL)
    proxy.process.wait()

    while_they_serve = await asyncio.to_thread(keys, proxy.data, *ERASED)
    kill(workers)
    await until(lambda: _is_free(proxy.data / "keys.json"))
    afterwards = await asyncio.to_thread(keys, proxy.data, *ERASED, typed=f"示例\n停用\n{EHCIN}\n")

    assert "stop it first" in while_they_serve.output
    assert "stop it first" not in afterwards.output


def _is_free(key_file: Path) -> bool:
    """Whether nobody serves with it; a process lets go a moment after it was killed."""
    try:
        with unused(key_file):
            return True
    except KeyFileInUse:
        return False
