"""The embedded PostgreSQL: one private server beside the program, made at first use.

It survives a killed server, a killed program and a reboot: the next start stops
what is left over, and PostgreSQL recovers from its log of changes. This module
watches nothing by itself; who owns it asks `alive()` and starts it again.
"""

import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from openehc.storage.embedded_lock import FolderLock
from openehc.storage.embedded_places import (
    STATE_ROOT,
    EmbeddedStartFailed,
    Places,
    find_places,
    make_private,
)
from openehc.storage.embedded_process import (
    Postmaster,
    is_ready,
    launch,
    run_tool,
    stop_left_over,
    wait_a_moment,
)
from openehc.storage.embedded_settings import (
    DATABASE,
    ROLE,
    access_conf,
    names_conf,
    server_conf,
)

START_SECONDS: Final = 60.0
LOG_NAME: Final = "postgresql.log"
_LOG_LIMIT: Final = 10 * 1024 * 1024
_LOG_TAIL: Final = 2000
_SOCKET_PORT: Final = 5432
_STILL_GOING: Final = "pre-existing shared memory block"
_INITDB: Final = (
    *("--username", ROLE),
    *("--encoding", "UTF8"),
    *("--locale-provider", "builtin"),
    *("--builtin-locale", "C.UTF-8"),
    *("--locale", "C"),
    "--data-checksums",
)
_NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})


class EmbeddedPostgres:
    """One embedded server and its data folder; not for use by two threads at once.

    `settings` overrides single lines of the configuration, `state_root` says where
    the cluster goes when the server's user cannot reach the data folder.
    """

    __slots__ = ("_data_dir", "_dsn", "_lock", "_postmaster", "_settings", "_state_root")

    def __init__(
        self,
        data_dir: Path,
        *,
        settings: Mapping[str, str] = _NO_SETTINGS,
        state_root: Path = STATE_ROOT,
    ) -> None:
        self._data_dir: Final = data_dir.absolute()
        self._settings: Final = dict(settings)
        self._state_root: Final = state_root
        self._lock: FolderLock | None = None
        self._postmaster: Postmaster | None = None
        self._dsn: str | None = None

    @property
    def log_path(self) -> Path:
        """The server's log; it holds no statement and no parameter."""
        return self._data_dir / LOG_NAME

    @property
    def pid(self) -> int:
        """The postmaster's process id. Raises EmbeddedStartFailed before the first start."""
        if self._postmaster is None:
            raise EmbeddedStartFailed("the server has not been started")
        return self._postmaster.pid

    @property
    def dsn(self) -> str:
        """The address for `Database` and `migrate`. Raises EmbeddedStartFailed before a start."""
        if self._dsn is None:
            raise EmbeddedStartFailed("the server has not been started")
        return self._dsn

    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self._postmaster is not None and self._postmaster.alive()

    def keep_log_small(self) -> None:
        """Put the log's lines into the file beside it when they are over 10 MiB.

        Lines of the moment itself may be lost. Raises OSError.
        """
        _keep_log_small(self.log_path)

    def start(self, *, patience: float = START_SECONDS) -> str:
        """Start the server, making it at first use; returns the DSN.

        Works again after a crash, and does nothing while the server runs. Raises
        EmbeddedStartFailed when another program uses the folder, or when the server
        does not accept connections within `patience` seconds (with the end of its log).
        """
        if self.alive():
            return self.dsn
        places = find_places(self._data_dir, state_root=self._state_root)
        if self._lock is None:
            self._lock = FolderLock.take(self._data_dir)
        try:
            self._start_locked(places, deadline=time.monotonic() + patience)
        except BaseException:
            self.stop()
            raise
        return self.dsn

    def stop(self) -> None:
        """Fast shutdown; returns when the server is gone and another may use the folder."""
        if self._postmaster is not None:
            self._postmaster.stop()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _start_locked(self, places: Places, *, deadline: float) -> None:
        if places.cluster.exists():
            stop_left_over(places)
        else:
            _make_cluster(places, synced=self._settings.get("fsync", "on"))
        if (socket_dir := places.socket_dir) is not None:
            make_private(socket_dir, user=places.user)
        port = _SOCKET_PORT if socket_dir is not None else _free_port()
        _write_conf(places, port=port, extra=self._settings)
        self.log_path.touch(mode=0o600)
        _keep_log_small(self.log_path)
        self._dsn = _dsn(places, port=port)
        before = self.log_path.stat().st_size
        while True:
            self._postmaster = launch(places, log=self.log_path)
            if self._came_up(places, deadline=deadline):
                return
            # After a crash the old server's children may need a moment to notice.
            if _STILL_GOING not in _tail(self.log_path, start=before):
                break
            if time.monotonic() > deadline:
                break
            wait_a_moment()
        said = _tail(self.log_path, start=before)
        raise EmbeddedStartFailed(f"PostgreSQL did not come up; see {self.log_path}:\n{said}")

    def _came_up(self, places: Places, *, deadline: float) -> bool:
        assert self._postmaster is not None  # noqa: S101 (for the type checker; just launched)
        while self._postmaster.alive() and time.monotonic() < deadline:
            if is_ready(self._postmaster, places=places):
                return True
            wait_a_moment()
        return False


def _make_cluster(places: Places, *, synced: str) -> None:
    """Made aside and renamed when whole: a first start that is cut short leaves no half."""
    unfinished = places.home / "cluster.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    make_private(unfinished, user=places.user)
    arguments = [*_INITDB, "-D", str(unfinished)]
    if places.socket_dir is None:
        secret = _password_file(places)
        arguments += ["--auth", "scram-sha-256", "--pwfile", str(secret)]
    else:
        arguments += ["--auth", "peer"]
    hasty = synced == "off"
    run_tool(places, "initdb", [*arguments, *(["--no-sync"] if hasty else [])])
    single = ["--single", *(["-F"] if hasty else []), "-D", str(unfinished), "postgres"]
    run_tool(places, "postgres", single, text=f"create database {DATABASE}\n")
    unfinished.rename(places.cluster)


def _write_conf(places: Places, *, port: int, extra: Mapping[str, str]) -> None:
    places.conf.mkdir(mode=0o755, exist_ok=True)
    socket_dir = places.socket_dir
    files = {
        "postgresql.conf": server_conf(socket_dir=socket_dir, port=port, extra=extra),
        "pg_hba.conf": access_conf(socket_dir=socket_dir),
        "pg_ident.conf": names_conf(os_users=_os_users(places)),
    }
    own_changes = places.conf / "local.conf"
    if not own_changes.exists():
        files["local.conf"] = "# Settings of your own: they win over those of postgresql.conf.\n"
    for name, text in files.items():
        file = places.conf / name
        file.write_text(text, "utf-8")
        if sys.platform != "win32":
            file.chmod(0o644)
    if sys.platform != "win32":
        places.conf.chmod(0o755)


def _os_users(places: Places) -> set[str]:
    if sys.platform == "win32":
        return set()
    import pwd  # noqa: PLC0415 (POSIX only)

    ours = pwd.getpwuid(os.geteuid()).pw_name
    return {ours, places.user.name} if places.user else {ours}


def _dsn(places: Places, *, port: int) -> str:
    if places.socket_dir is None:
        secret = quote(_password_file(places).read_text("ascii").strip())
        return f"postgresql://{ROLE}:{secret}@127.0.0.1:{port}/{DATABASE}"
    folder = quote(str(places.socket_dir), safe="")
    return f"postgresql://{ROLE}@/{DATABASE}?host={folder}&port={port}"


def worker_password(data_dir: Path, *, state_root: Path = STATE_ROOT) -> str | None:
    """The password of the workers' role, None where the operating system says who we are."""
    places = find_places(data_dir.absolute(), state_root=state_root)
    if places.socket_dir is not None:
        return None
    return _password_file(places, name="password-of-workers").read_text("ascii").strip()


def _password_file(places: Places, *, name: str = "password") -> Path:
    file = places.home / name
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_hex(24))
    return file


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _keep_log_small(log: Path) -> None:
    """The server appends to the file that it was given, so that one is emptied, not moved."""
    if log.stat().st_size > _LOG_LIMIT:
        shutil.copy(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)


def _tail(log: Path, *, start: int) -> str:
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - _LOG_TAIL))
        return file.read().decode(errors="replace")
