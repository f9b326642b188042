"""Nodes that note outside the database how far their chains are. Holds no test.

start_marking  starts such nodes over the test's database, all in one folder unless told otherwise
marking        one of them
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from openehc.audit.findings import Finding
from openehc.audit.marks import read_marks
from tests.support.audit import TrailOfNode

StartMarking = Callable[..., TrailOfNode]


@pytest.fixture
async def start_marking(trail_of_node: TrailOfNode, tmp_path: Path) -> AsyncIterator[StartMarking]:
    running: list[TrailOfNode] = []

    def begin(seed: bytes = b"marking", folder: Path = tmp_path / "marks") -> TrailOfNode:
        node = TrailOfNode(
            trail_of_node.database, seed=seed, clock=trail_of_node.clock, folder=folder
        )
        running.append(node)
        return node

    yield begin
    for node in running:
        await node.stop()


@pytest.fixture
async def marking(start_marking: StartMarking) -> TrailOfNode:
    node = start_marking()
    await node.trail._origin.known()
    return node


def where(findings: list[Finding]) -> list[tuple[str, str, int]]:
    """Each finding by its flaw, its table and its number."""
    return [(finding.flaw.value, finding.table, finding.seq) for finding in findings]


def marks_folder(node: TrailOfNode) -> Path:
    """Where the node notes its marks."""
    assert node.folder
    return node.folder


def mark_files(node: TrailOfNode) -> list[Path]:
    """The files of marks beside the node."""
    return sorted(marks_folder(node).iterdir())


def marked(node: TrailOfNode) -> dict[tuple[str, int], int]:
    """How far the marks say that each table's chains are, the chains counted from 1."""
    marks = sorted(mark for file in read_marks([marks_folder(node)]).files for mark in file.marks)
    return {(mark.source, place): mark.seq for place, mark in enumerate(marks, start=1)}
