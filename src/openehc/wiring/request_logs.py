"""The request log of each day: put away when the day is over, packed, removed after its time.

Workers write `requests.jsonl` and go on in a new file when it was moved away. What the lines
say is `gateway/request_log.py`'s business.
"""

import gzip
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from time import time
from typing import Final

from openehc.kernel.clock import SystemClock, china_day
from openehc.wiring.settings import Settings

CURRENT: Final = "requests.jsonl"
AT_REST_SECONDS: Final = 60.0
"""So long after its last line nobody writes to a file that was moved away."""

_DAY: Final = re.compile(r"requests-(\d{4}-\d{2}-\d{2})(?:\.\d+)?\.jsonl(?:\.gz)?")
_AT: Final = re.compile(rb'\{"at":"([0-9T:.-]+Z)"')
_LONGEST_HEAD: Final = 64
_EVERY_SECONDS: Final = 3600.0
_CHUNK: Final = 1 << 20
_log: Final = logging.getLogger("openehc.node")


def log_folder(settings: Settings) -> Path:
    """Where the request logs are."""
    return settings.data / "logs"


@dataclass(frozen=True, slots=True)
class RequestLogs:
    """The files in `folder`, each kept so long after the day in +08:00 that it names."""

    folder: Path
    kept: timedelta

    def put_away(self, *, today: date) -> None:
        """Give the current file the name of its day when that is over. Raises OSError."""
        current = self.folder / CURRENT
        day = _day_of(current)
        if day is not None and day < today:
            current.rename(_free_name(self.folder, day))

    def remove_old(self, *, today: date) -> None:
        """Remove days that ended longer ago than they are kept. Raises OSError."""
        for path, day in self._days():
            if day < today - self.kept:
                path.unlink()

    def pack(self, *, ended: Callable[[], bool], at_rest: float = AT_REST_SECONDS) -> None:
        """Compress what nobody writes to any more, until `ended()`. Raises OSError."""
        for path, _ in self._days():
            if path.suffix != ".gz" and time() - path.stat().st_mtime >= at_rest:
                _pack(path, ended)

    def _days(self) -> list[tuple[Path, date]]:
        found = [(path, _DAY.fullmatch(path.name)) for path in sorted(self.folder.iterdir())]
        return [(path, date.fromisoformat(match[1])) for path, match in found if match]


@contextmanager
def request_logs_kept(settings: Settings) -> Iterator[None]:
    """See to the files at once and every hour while the block runs; trouble is logged.

    With no days to keep, whoever rotates logs on this machine does it instead.
    """
    if not settings.request_days:
        yield
        return
    ended = threading.Event()
    logs = RequestLogs(log_folder(settings), timedelta(days=settings.request_days))
    thread = threading.Thread(target=_keep, args=(logs, ended), daemon=True, name="request logs")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _keep(logs: RequestLogs, ended: threading.Event) -> None:
    logs.folder.mkdir(mode=0o750, exist_ok=True)
    while True:
        today = china_day(SystemClock().now())
        try:
            logs.put_away(today=today)
            logs.remove_old(today=today)
            logs.pack(ended=ended.is_set)
        except (OSError, ValueError) as trouble:
            _log.warning("request logs: %s", trouble)
        if ended.wait(_EVERY_SECONDS):
            return


def _day_of(path: Path) -> date | None:
    """The day of the first line; None while there is none."""
    try:
        with path.open("rb") as file:
            head = file.read(_LONGEST_HEAD)
    except FileNotFoundError:
        return None
    if not head:
        return None
    found = _AT.match(head)
    if found is None:  # a line of somebody else
        return china_day(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    return china_day(datetime.fromisoformat(found[1].decode()))


def _free_name(folder: Path, day: date) -> Path:
    """A name of this day that no file has, packed or not: a clock may be put back."""
    names = (f"requests-{day}{f'.{again}' if again else ''}.jsonl" for again in count())
    return next(
        folder / name
        for name in names
        if not (folder / name).exists() and not (folder / f"{name}.gz").exists()
    )


def _pack(path: Path, ended: Callable[[], bool]) -> None:
    """Made aside: a packing that is cut short leaves the file as it was."""
    packed = path.with_name(f"{path.name}.gz")
    unfinished = path.with_name(f"{path.name}.gz.new")
    with path.open("rb") as lines, gzip.open(unfinished, "wb", compresslevel=6) as out:
        unfinished.chmod(path.stat().st_mode & 0o777)
        while chunk := lines.read(_CHUNK):
            out.write(chunk)
            if ended():
                return
    unfinished.rename(packed)
    path.unlink()
