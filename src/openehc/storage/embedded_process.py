"""The running server as an operating-system process: start, look, stop.

On POSIX the postmaster is our child, in a session of its own, so that Ctrl-C
reaches only us; on Windows `pg_ctl` starts it with fewer rights. This module knows
no configuration.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil

from openehc.storage.embedded_places import EmbeddedStartFailed, Places

STOP_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_PID_LINE: Final = 0
_STATUS_LINE: Final = 7


class Postmaster:
    """One postmaster that was started here."""

    __slots__ = ("_child", "_places", "_process")

    def __init__(
        self, process: psutil.Process, *, places: Places, child: subprocess.Popen[bytes] | None
    ) -> None:
        self._process: Final = process
        self._places: Final = places
        self._child: Final = child

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the process runs; a dead child is buried on the way."""
        if self._child is not None:
            return self._child.poll() is None
        return self._process.is_running()

    def stop(self) -> None:
        """Fast shutdown, then an immediate one after a minute; returns when it is gone."""
        if self.alive():
            _ask_to_stop(self._process, places=self._places)
        try:
            if self._child is not None:
                self._child.wait(STOP_SECONDS)
            else:
                self._process.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
            # Safe: the next start recovers from the log of changes.
            self._process.kill()
            (self._child or self._process).wait()


def launch(places: Places, *, log: Path) -> Postmaster:
    """A postmaster on `places`, not yet accepting connections; it writes to `log`.

    Raises EmbeddedStartFailed when the program cannot be run at all.
    """
    conf = places.conf
    files = [
        *("-c", f"config_file={conf / 'postgresql.conf'}"),
        *("-c", f"hba_file={conf / 'pg_hba.conf'}"),
        *("-c", f"ident_file={conf / 'pg_ident.conf'}"),
    ]
    if sys.platform == "win32":
        return _launch_with_pg_ctl(places, log=log, options=files)
    command = [str(places.binaries / "postgres"), "-D", str(places.cluster), *files]
    with log.open("ab") as output:
        try:
            child = subprocess.Popen(  # noqa: S603 (our own words and paths)
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **as_server(places),
            )
        except OSError as error:
            raise EmbeddedStartFailed(f"cannot run {command[0]}: {error}") from error
    return Postmaster(psutil.Process(child.pid), places=places, child=child)


def run_tool(places: Places, name: str, arguments: list[str], *, text: str = "") -> None:
    """Run one of PostgreSQL's programs to its end, as the server's user.

    Raises EmbeddedStartFailed with what it said.
    """
    command = [str(places.binaries / name), *arguments]
    try:
        done = subprocess.run(  # noqa: S603 (our own words and paths)
            command, check=False, capture_output=True, input=text.encode(), **as_server(places)
        )
    except OSError as error:
        raise EmbeddedStartFailed(f"cannot run {command[0]}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace")[-2000:]
        raise EmbeddedStartFailed(f"{name} failed:\n{said}")


def stop_left_over(places: Places) -> None:
    """Stop a server whose program died before it; remove the marks of one that is gone.

    The number in a mark may by now be another program's (after a reboot, in a
    container), or that of a dead one whom nobody buried: then PostgreSQL would refuse to
    start. Its own check of the shared memory stays as the second fence.
    """
    for mark in _marks(places):
        pid = _marked(mark, _PID_LINE)
        if pid is None or not pid.isdigit():
            continue
        with suppress(psutil.Error):
            process = psutil.Process(int(pid))
            if str(places.cluster) in process.cmdline():
                _ask_to_stop(process, places=places)
                process.wait(STOP_SECONDS)
                continue
        mark.unlink(missing_ok=True)


def is_ready(postmaster: Postmaster, *, places: Places) -> bool:
    """Whether the server accepts connections."""
    mark = places.cluster / "postmaster.pid"
    ours = _marked(mark, _PID_LINE) == str(postmaster.pid)
    return ours and _marked(mark, _STATUS_LINE) == "ready"


def as_server(places: Places) -> dict[str, Any]:
    """The subprocess arguments that run a program as the server's user, away from our settings."""
    environment = {key: text for key, text in os.environ.items() if not key.startswith("PG")}
    environment |= {"LC_ALL": "C", "TZ": "UTC"}
    arguments: dict[str, Any] = {"env": environment, "cwd": str(places.home)}
    if places.user is not None:
        arguments |= {"user": places.user.uid, "group": places.user.gid, "extra_groups": []}
    if sys.platform != "win32":
        arguments["umask"] = 0o077
    return arguments


def _launch_with_pg_ctl(places: Places, *, log: Path, options: list[str]) -> Postmaster:
    words = " ".join(f'"{word}"' for word in options)
    arguments = ["start", "-w", "-D", str(places.cluster), "-l", str(log), "-o", words]
    run_tool(places, "pg_ctl.exe", arguments)
    pid = _marked(places.cluster / "postmaster.pid", _PID_LINE)
    if pid is None:
        raise EmbeddedStartFailed("the server was gone at once")
    return Postmaster(psutil.Process(int(pid)), places=places, child=None)


def _ask_to_stop(process: psutil.Process, *, places: Places) -> None:
    with suppress(psutil.NoSuchProcess):
        if sys.platform == "win32":
            run_tool(places, "pg_ctl.exe", ["stop", "-m", "fast", "-D", str(places.cluster)])
        else:
            process.send_signal(signal.SIGINT)  # fast shutdown: 18.5 of PostgreSQL's manual


def _marks(places: Places) -> list[Path]:
    """Where a server says by its number that it runs: beside its data, and beside its socket."""
    beside = sorted(places.socket_dir.glob(".s.PGSQL.*.lock")) if places.socket_dir else []
    return [places.cluster / "postmaster.pid", *beside]


def _marked(mark: Path, line: int) -> str | None:
    try:
        lines = mark.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return lines[line].strip() if len(lines) > line else None


def wait_a_moment() -> None:
    """The pause between two looks at a starting server."""
    time.sleep(_POLL_SECONDS)
