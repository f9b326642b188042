"""The request log: one file for each day, packed, and gone when its time is over."""

import gzip
import os
from datetime import UTC, date, datetime, timedelta
from logging import makeLogRecord
from logging.handlers import WatchedFileHandler
from pathlib import Path

import pytest

from openehc.crypto.keyfile import KeyPurpose
from openehc.kernel.clock import SystemClock, china_day
from openehc.wiring.request_logs import CURRENT, RequestLogs, log_folder, request_logs_kept
from openehc.wiring.settings import Settings
from tests.support.waiting import until

TODAY = date(2031, 3, 2)
# The last second of 1 March in China, and the first of 2 March.
YESTERDAYS = '{"at":"2031-03-01T15:59:59.000001Z","method":"a"}\n'
TODAYS = '{"at":"2031-03-01T16:00:00Z","method":"b"}\n'


@pytest.fixture
def logs(tmp_path: Path) -> RequestLogs:
    return RequestLogs(tmp_path, timedelta(days=190))


def _names(logs: RequestLogs) -> list[str]:
    return sorted(path.name for path in logs.folder.iterdir())


def _never() -> bool:
    return False


def test_a_day_that_is_over_is_put_away_under_its_name(logs: RequestLogs) -> None:
    (logs.folder / CURRENT).write_text(YESTERDAYS + TODAYS, "utf-8")

    logs.put_away(today=TODAY)

    assert _names(logs) == ["requests-2031-03-01.jsonl"]


@pytest.mark.parametrize("text", [TODAYS, ""])
def test_the_present_day_stays(logs: RequestLogs, text: str) -> None:
    (logs.folder / CURRENT).write_text(text, "utf-8")

    logs.put_away(today=TODAY)

    assert _names(logs) == [CURRENT]


def test_without_a_file_there_is_nothing_to_do(logs: RequestLogs) -> None:
    logs.put_away(today=TODAY)

    assert _names(logs) == []


def test_a_file_of_somebody_else_is_put_away_by_its_age(logs: RequestLogs) -> None:
    current = logs.folder / CURRENT
    current.write_text("something else\n", "utf-8")
    last = datetime(2031, 2, 27, 12, tzinfo=UTC).timestamp()
    os.utime(current, (last, last))

    logs.put_away(today=TODAY)

    assert _names(logs) == ["requests-2031-02-27.jsonl"]


@pytest.mark.parametrize("taken", ["requests-2031-03-01.jsonl", "requests-2031-03-01.jsonl.gz"])
def test_no_file_is_written_over(logs: RequestLogs, taken: str) -> None:
    (logs.folder / taken).write_text("before", "utf-8")
    (logs.folder / CURRENT).write_text(YESTERDAYS, "utf-8")

    logs.put_away(today=TODAY)

    assert _names(logs) == sorted([taken, "requests-2031-03-01.1.jsonl"])


def test_a_worker_goes_on_in_a_new_file(logs: RequestLogs) -> None:
    handler = WatchedFileHandler(logs.folder / CURRENT, encoding="utf-8")
    handler.emit(makeLogRecord({"msg": YESTERDAYS.strip()}))

    logs.put_away(today=TODAY)
    handler.emit(makeLogRecord({"msg": TODAYS.strip()}))
    handler.close()

    assert (logs.folder / "requests-2031-03-01.jsonl").read_text("utf-8") == YESTERDAYS
    assert (logs.folder / CURRENT).read_text("utf-8") == TODAYS


def test_what_is_at_rest_is_packed_whole_and_as_private_as_before(logs: RequestLogs) -> None:
    day = logs.folder / "requests-2031-03-01.jsonl"
    day.write_text(YESTERDAYS * 100_000, "utf-8")
    day.chmod(0o600)

    logs.pack(ended=_never, at_rest=0)

    packed = day.with_name(f"{day.name}.gz")
    assert gzip.decompress(packed.read_bytes()).decode() == YESTERDAYS * 100_000
    assert packed.stat().st_mode & 0o777 == 0o600
    assert _names(logs) == [packed.name]


def test_what_may_still_be_written_is_left(logs: RequestLogs) -> None:
    (logs.folder / "requests-2031-03-01.jsonl").write_text(YESTERDAYS, "utf-8")

    logs.pack(ended=_never, at_rest=3600)

    assert _names(logs) == ["requests-2031-03-01.jsonl"]


def test_a_packing_that_is_cut_short_is_done_again(logs: RequestLogs) -> None:
    day = logs.folder / "requests-2031-03-01.jsonl"
    day.write_text(YESTERDAYS, "utf-8")

    logs.pack(ended=lambda: True, at_rest=0)
    kept = day.read_text("utf-8")
    logs.pack(ended=_never, at_rest=0)

    assert kept == YESTERDAYS
    assert _names(logs) == ["requests-2031-03-01.jsonl.gz"]


def test_days_go_after_their_time_and_nothing_else(logs: RequestLogs) -> None:
    names = [
        "requests-2030-08-24.jsonl.gz", "requests-2030-08-23.jsonl.gz",
        "requests-2030-08-23.1.jsonl", "requests-2030-08-23.jsonl.txt", "other-2030-08-23.jsonl",
        CURRENT,
    ]  # fmt: skip
    for name in names:
        (logs.folder / name).write_text(YESTERDAYS, "utf-8")

    logs.remove_old(today=TODAY)

    assert _names(logs) == sorted([names[0], names[3], names[4], CURRENT])


def _settings(data: Path, *, request_days: int) -> Settings:
    return Settings(
        data=data, ehcin="9901A0001", mode=KeyPurpose.DEBUGGING, request_days=request_days
    )


async def test_a_node_sees_to_its_logs(tmp_path: Path) -> None:
    settings = _settings(tmp_path, request_days=2)
    folder = log_folder(settings)
    folder.mkdir()
    old = china_day(SystemClock().now()) - timedelta(days=3)
    (folder / f"requests-{old}.jsonl.gz").write_text("", "utf-8")
    (folder / CURRENT).write_text(TODAYS.replace("2031", "2021"), "utf-8")

    with request_logs_kept(settings):
        await until(lambda: [path.name for path in folder.iterdir()] == [])


def test_where_logs_are_rotated_by_others_nothing_is_touched(tmp_path: Path) -> None:
    settings = _settings(tmp_path, request_days=0)
    log_folder(settings).mkdir()
    (log_folder(settings) / CURRENT).write_text(YESTERDAYS.replace("2031", "2021"), "utf-8")

    with request_logs_kept(settings):
        pass

    assert [path.name for path in log_folder(settings).iterdir()] == [CURRENT]
