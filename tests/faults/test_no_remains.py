"""Nothing of keys and uploads stays behind on a disk (材料二 附录B 5.3 no 42)."""

import sys
import tempfile
from pathlib import Path

import pytest

from openehc.access.kinds import INSTITUTIONS
from tests.support.entries import Desk
from tests.support.node import Processes
from tests.support.workbooks import csv_text, institution_rows

MORE_THAN_A_SPOOL = 3 << 20
"""Bytes: frameworks put uploads from one MiB on into a file."""


def core_limit(pid: int) -> str:
    """Bytes of a core file that the process may write, as the system tells everybody."""
    lines = Path(f"/proc/{pid}/limits").read_text("ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("Max core file size"))
    return line.split()[4]


@pytest.mark.requirement("G2-B-5.3-42")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the limits of a process")
def test_no_process_of_a_node_writes_a_core_file(demo: Processes) -> None:
    limits = {core_limit(process.pid) for process in demo.family()}

    assert len(demo.workers()) == 2
    assert limits == {"0"}


@pytest.mark.requirement("G2-B-5.3-42")
async def test_an_uploaded_workbook_never_touches_a_file(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where temporary files cannot be made, an upload that needed one would fail."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    content = csv_text(INSTITUTIONS, institution_rows(2)).encode()
    content += b"\n" * (MORE_THAN_A_SPOOL - len(content))

    answer = await desk.province.post(
        "/api/imports/institutions", files={"file": ("a.csv", content)}, data={"mode": "check"}
    )

    assert answer.status_code == 202, answer.text
