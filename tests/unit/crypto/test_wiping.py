"""What is left of key files and of processes that held keys: nothing (材料二 附录B 5.3 no 42)."""

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from openehc.crypto.keyfile import KeyPurpose, create_key_file, open_key_file
from openehc.crypto.keyfile_changing import PREVIOUS, change_key_file, change_passphrase
from openehc.crypto.node_keys import NodeKeys, fresh_node_keys
from openehc.crypto.wiping import wipe
from tests.support.counted_entropy import CountedEntropy
from tests.support.crypto_modules import OTHER_KEYS
from tests.support.node import environment

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PASSPHRASE = "an invented passphrase"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "keys.json"
    keys = fresh_node_keys(OTHER_KEYS, local={}, entropy=CountedEntropy())
    create_key_file(
        place, PASSPHRASE, keys, purpose=KeyPurpose.PRODUCTION, now=NOW, entropy=CountedEntropy()
    )
    return place


def changed(path: Path, name: str = "session") -> NodeKeys:
    done = change_key_file(
        path, PASSPHRASE, lambda keys: replace(keys, local={**keys.local, name: bytes(16)}),
        now=NOW, entropy=CountedEntropy(name.encode()),
    )  # fmt: skip
    return done.after


# ---------------------------------------------------------------- files


@pytest.mark.requirement("G2-B-5.3-42")
def test_a_key_file_that_was_replaced_is_overwritten_before_its_name_goes(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as old:  # whoever holds it open sees the blocks under it
        changed(path)

        assert (os.fstat(old.fileno()).st_nlink, old.read()) == (0, bytes(size))


@pytest.mark.requirement("G2-B-5.3-42")
def test_so_is_the_file_under_the_old_passphrase(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as old:
        change_passphrase(
            path, PASSPHRASE, "another passphrase", now=NOW, entropy=CountedEntropy(b"p")
        )

        assert old.read() == bytes(size)


def test_a_backup_that_is_a_second_name_keeps_its_bytes(path: Path) -> None:
    backup = path.with_name("backup")
    os.link(path, backup)

    changed(path)

    assert open_key_file(backup, PASSPHRASE).local == {}


def test_the_file_in_use_is_not_overwritten_through_the_name_of_a_killed_change(
    path: Path,
) -> None:
    os.link(path, path.with_name(path.name + PREVIOUS))

    keys = changed(path)

    assert open_key_file(path, PASSPHRASE) == keys


def test_what_was_overwritten_in_part_when_a_change_was_killed_hinders_nobody(path: Path) -> None:
    previous = path.with_name(path.name + PREVIOUS)
    previous.write_bytes(bytes(100))

    keys = changed(path)

    assert (open_key_file(path, PASSPHRASE), previous.exists()) == (keys, False)


def test_who_reads_while_the_file_is_replaced_reads_the_new_one(path: Path) -> None:
    class Overtaken(type(path)):  # type: ignore[misc] # the system's kind of path
        opened = 0

        def open(self, *words: Any, **more: Any) -> Any:
            file = super().open(*words, **more)
            type(self).opened += 1
            if type(self).opened == 1:
                changed(path)  # the file that was just opened is overwritten now
            return file

    keys = open_key_file(Overtaken(path), PASSPHRASE)

    assert (set(keys.local), Overtaken.opened) == ({"session"}, 2)


def test_nothing_is_wiped_where_nothing_is(tmp_path: Path) -> None:
    wipe(tmp_path / "nothing", entropy=CountedEntropy())

    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- processes

CRASHING = """
import os, resource, sys
from pathlib import Path
from openehc.crypto.keyfile import open_key_file
_, most = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (most, most))
open_key_file(Path(sys.argv[1]), sys.argv[2])
if sys.argv[3] == "limit raised":
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
os.abort()
"""


@pytest.mark.requirement("G2-B-5.3-42")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whether a core was written")
@pytest.mark.parametrize("then", ["limit kept", "limit raised"])
def test_a_process_that_holds_keys_and_crashes_leaves_no_core_file(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """A core file that goes to a program knows no limit: the second case stands for it."""
    folder = tmp_path / "crashed"
    folder.mkdir()
    monkeypatch.chdir(folder)
    words = [sys.executable, "-c", CRASHING, str(path), PASSPHRASE, then]

    _, status = os.waitpid(os.posix_spawn(sys.executable, words, environment()), 0)

    assert (os.WIFSIGNALED(status), os.WCOREDUMP(status)) == (True, False)
    assert list(folder.iterdir()) == []
