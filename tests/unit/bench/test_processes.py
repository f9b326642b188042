"""CPU time is counted for the whole tree, PostgreSQL apart and the departed included."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import CpuSeconds, NodeProcesses

BURN = "import time; [None for _ in iter(lambda: time.process_time() < 0.3, False)]"
# A parent that lets a child burn time, tells us that it is gone, and waits for its own end.
NODE = """
import subprocess, sys
subprocess.run([sys.argv[1], "-c", sys.argv[2]], check=True)
print("gone", flush=True)
sys.stdin.read()
"""
# A parent whose child, a "postgres", burns the time itself and stays.
NODE_WITH_POSTGRES = """
import subprocess, sys
child = "exec(sys.argv[1]); print('done', flush=True); sys.stdin.read()"
subprocess.run([sys.argv[1], "-c", "import sys; " + child, sys.argv[2]], check=True)
"""


@contextmanager
def node(child: str) -> Iterator[NodeProcesses]:
    """A parent process whose one child has burnt 0.3 seconds and is gone."""
    command = [sys.executable, "-c", NODE, child, BURN]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        yield NodeProcesses(process.pid)
        process.stdin.close()


def test_the_time_of_a_child_that_has_ended_is_not_lost() -> None:
    with node(sys.executable) as processes:
        assert processes.cpu().server >= 0.25  # of 0.3: the system counts in hundredths


def test_a_node_without_a_postgres_of_its_own_tells_no_time_for_it() -> None:
    with node(sys.executable) as processes:
        assert processes.cpu().postgres is None


def test_the_time_of_postgres_is_not_the_servers(tmp_path: Path) -> None:
    link = tmp_path / "postgres"
    link.symlink_to(sys.executable)
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", NODE_WITH_POSTGRES, str(link), BURN]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()

        cpu = NodeProcesses(process.pid).cpu()

        process.stdin.close()
    assert cpu.postgres
    assert cpu.postgres >= 0.25
    assert cpu.server < cpu.postgres  # both started a Python; only one burnt time


def test_what_was_used_since_an_earlier_moment_is_the_difference() -> None:
    assert CpuSeconds(5.0, 3.0).since(CpuSeconds(1.0, 1.0)) == CpuSeconds(4.0, 2.0)
