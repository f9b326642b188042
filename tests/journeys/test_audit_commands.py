"""`ehc audit` beside a running node: check, search, take out, and a record that was changed."""

import csv
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from openehc.audit.checkpoint import fingerprint
from openehc.crypto.sm2 import Sm2PublicKey
from tests.support.node import Processes, environment

ROLES = "select distinct usename from pg_stat_activity where application_name = 'openehc'"
CHANGE = """
begin;
set local session_replication_role = replica;
update audit_records set actor_id = 'nobody' where action = 'audit.search';
commit
"""


def _ehc(demo: Processes, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "openehc", "audit", *words, "--data", str(demo.data)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(), timeout=300
    )


@pytest.mark.slow
@pytest.mark.requirement("G2-B-5.3-34")
async def test_an_auditor_checks_a_node_and_finds_what_somebody_changed(
    own_demo: Processes, tmp_path: Path
) -> None:
    looked = _ehc(own_demo, "search", "--since", "2026-01-01")
    assert looked.returncode == 0, looked.stderr
    exported = _ehc(own_demo, "export", "--format", "csv", "--output", str(tmp_path / "a.csv"))
    assert exported.returncode == 0, exported.stderr
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        actions = [row["action"] for row in csv.DictReader(file)]
    assert actions[-2:] == ["audit.search", "audit.export"]
    shown = _ehc(own_demo, "key")
    assert fingerprint(Sm2PublicKey.from_pem(shown.stdout).raw).hex() in shown.stderr
    (tmp_path / "key.pem").write_text(shown.stdout, "utf-8")

    sound = _ehc(own_demo, "verify", "--key", str(tmp_path / "key.pem"))
    connection = await asyncpg.connect(own_demo.dsn)
    roles = [row[0] for row in await connection.fetch(ROLES)]
    await connection.execute(CHANGE)
    await connection.close()
    changed = _ehc(own_demo, "verify")

    assert roles == ["openehc_worker"]
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert "Sound." in sound.stdout
    assert changed.returncode == 1
    assert "NOT SOUND: first audit_records, stream " in changed.stdout


def test_a_file_that_is_no_key_is_refused(demo: Processes, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("no key", "utf-8")

    refused = _ehc(demo, "verify", "--key", str(tmp_path / "key.pem"))

    assert refused.returncode == 1
    assert "key.pem" in refused.stderr
