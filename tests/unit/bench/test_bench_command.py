"""The whole bench against a demo of its own, as `make bench` runs it, only shorter."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.source_tree import ROOT

ACCOUNTS = 300
SHORT = ("--seconds", "0.3", "--connections", "4", "--workers", "1", "--residents", str(ACCOUNTS))


def bench(*options: str, temporary: str | None = None) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src")))}
    if temporary:
        env["TMPDIR"] = temporary
    return subprocess.run(
        [sys.executable, "-m", "bench", *options], env=env,
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip


@pytest.fixture(scope="module")
def told() -> Iterator[dict[str, Any]]:
    """What one short bench wrote and printed, and what it left behind."""
    # Not pytest's own folder: as root, the user of the database has to pass through.
    place = Path(tempfile.mkdtemp(prefix="openehc-test-"))
    place.chmod(0o711)
    target = place / "bench.json"
    finished = bench(*SHORT, "--json", str(target), temporary=str(place))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    table = json.loads(target.read_text(encoding="utf-8"))
    yield {**table, "left": _left_in(place) - {target.name}}
    shutil.rmtree(place)


@pytest.mark.slow
def test_every_method_is_driven_and_answered_with_success(told: dict[str, Any]) -> None:
    successes = {row["method"]: row["success"] for row in told["rows"]}

    assert successes == {"register": 1.0, "generate": 1.0, "verify": 1.0}


@pytest.mark.slow
def test_the_cost_of_a_request_is_told_for_server_and_postgres(told: dict[str, Any]) -> None:
    for row in told["rows"]:
        assert 10 < row["server_us"] < 20_000
        assert 1 < row["postgres_us"] < 20_000


@pytest.mark.slow
def test_the_settings_of_postgres_are_told(told: dict[str, Any]) -> None:
    assert told["circumstances"]["postgres"]["synchronous_commit"] == "on"


@pytest.mark.slow
def test_the_measured_database_is_as_full_as_wanted(told: dict[str, Any]) -> None:
    assert int(told["circumstances"]["postgres"]["accounts"]) >= ACCOUNTS


@pytest.mark.slow
def test_the_demo_and_its_folder_are_gone_afterwards(told: dict[str, Any]) -> None:
    assert told["left"] == set()


@pytest.mark.slow
def test_a_missed_budget_ends_a_strict_bench_with_one() -> None:
    # One busy connection waits for one commit after the other: no batch, so no budget is met.
    finished = bench("--seconds", "0.2", "--connections", "1", "--workers", "1",
                     "--methods", "generate", "--strict")  # fmt: skip

    assert (finished.returncode, "MISSED" in finished.stdout) == (1, True)


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    finished = bench("--methods", "erase")

    assert (finished.returncode, "register, generate, verify" in finished.stderr) == (2, True)


def test_a_node_that_runs_is_not_filled(tmp_path: Path) -> None:
    profile = tmp_path / "demo.json"
    profile.write_text("{}", encoding="utf-8")

    finished = bench("--profile", str(profile), "--residents", "5")

    assert (finished.returncode, "not a node that runs" in finished.stderr) == (2, True)


def test_a_profile_that_is_none_is_refused(tmp_path: Path) -> None:
    profile = tmp_path / "demo.json"
    profile.write_text("{}", encoding="utf-8")

    finished = bench("--profile", str(profile))

    assert (finished.returncode, str(profile) in finished.stderr) == (1, True)


def _left_in(place: Path) -> set[str]:
    """Files in a folder, and processes that work there."""
    lines = (
        " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])
    )
    return {path.name for path in place.iterdir()} | {line for line in lines if str(place) in line}
