"""Write docs/conformance.md: which requirement is proven by which tests.

    python -m tools.conformance           writes the page
    python -m tools.conformance --check   exits 1 when the page is not what it would write

Reads the results of the last full test run (tests/support/conformance_plugin.py
writes them) and runs no test itself. A requirement is proven when at least one
test carries it and all tests that carry it passed. The page holds no date and no
machine, so that equal results make equal pages.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from itertools import groupby
from pathlib import Path
from typing import Final

from tools.requirement_table import LEVELS, TABLE, Requirement, load_requirements

RESULTS: Final = Path("build/conformance-results.json")
PAGE: Final = Path("docs/conformance.md")

_HEAD: Final = """\
# Conformance

Which requirements of the source documents are proven, and by which tests.
Written by `make conformance` from the results of `make test`; do not edit.

A requirement is **proven** when at least one test carries its id and every test that carries
it passed, **failing** when one of them did not pass, and **open** when no test carries it.
Levels: must, should, may. *Evidence* marks what a deployment or its papers have to show.

Sources: 材料一 to 材料三 are the parts of the national guide V3.1 (技术指引,
质量控制与安全运行管理要求, 跨域主索引及跨域认证技术要求), 003 is
居民电子健康标识融合应用规范, 004 is 医院对接接口文档.
"""


@unique
class State(Enum):
    """How a requirement stands."""

    PROVEN = "proven"
    FAILING = "failing"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A requirement, how it stands, and the tests that carry it, sorted."""

    requirement: Requirement
    state: State
    tests: tuple[str, ...]


class ResultsMissing(Exception):
    """There are no results of a full test run."""


def load_outcomes(path: Path) -> dict[str, dict[str, bool]]:
    """Requirement id -> test -> whether it passed; parametrised cases count as one test.

    Raises `ResultsMissing` when `path` is absent or holds a partial run.
    """
    if not path.exists():
        raise ResultsMissing(f"{path} is missing: run the whole test suite first")
    results = json.loads(path.read_text(encoding="utf-8"))
    if results["complete"] is not True:
        raise ResultsMissing(f"{path} is from a partial run: run the whole test suite")
    outcomes: dict[str, dict[str, bool]] = defaultdict(dict)
    for result in results["tests"]:
        test = result["test"].partition("[")[0]
        passed = result["outcome"] == "passed"
        for requirement_id in result["requirements"]:
            carried = outcomes[requirement_id]
            carried[test] = carried.get(test, True) and passed
    return dict(outcomes)


def judge(
    requirements: Iterable[Requirement], *, outcomes: Mapping[str, Mapping[str, bool]]
) -> list[Verdict]:
    """One verdict for each requirement, in the same order."""
    verdicts = []
    for requirement in requirements:
        tests = outcomes.get(requirement.id, {})
        verdicts.append(Verdict(requirement, _state(tests), tuple(sorted(tests))))
    return verdicts


def summary(verdicts: Sequence[Verdict]) -> str:
    """The closing line, `N of 605 requirements proven`."""
    return f"{_proven(verdicts)} of {len(verdicts)} requirements proven"


def page(verdicts: Sequence[Verdict]) -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *_overview(verdicts), *_chapters(verdicts), summary(verdicts), ""])


def _state(tests: Mapping[str, bool]) -> State:
    if not tests:
        return State.OPEN
    return State.PROVEN if all(tests.values()) else State.FAILING


def _proven(verdicts: Iterable[Verdict]) -> int:
    return sum(verdict.state is State.PROVEN for verdict in verdicts)


def _by_chapter(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    """Chapters in the order in which the table first names them."""
    chapters: dict[str, list[Verdict]] = {}
    for chapter, group in groupby(verdicts, key=lambda verdict: verdict.requirement.chapter):
        chapters.setdefault(chapter, []).extend(group)
    return chapters


def _overview(verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield "| section | requirements | proven | failing | open |"
    yield "|---|--:|--:|--:|--:|"
    rows = [*_by_chapter(verdicts).items(), ("**all**", list(verdicts))]
    for name, group in rows:
        counts = [sum(verdict.state is state for verdict in group) for state in State]
        yield f"| {name} | {len(group)} | {' | '.join(map(str, counts))} |"
    yield ""


def _chapters(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for name, group in _by_chapter(verdicts).items():
        yield f"## {name}"
        yield ""
        yield f"{_proven(group)} of {len(group)} proven."
        yield ""
        yield "| id | clause | level | requirement | state |"
        yield "|---|---|---|---|---|"
        yield from map(_row, group)
        yield ""


def _row(verdict: Verdict) -> str:
    requirement = verdict.requirement
    level = LEVELS[requirement.level]
    if requirement.scope == "evidence":
        level += ", *evidence*"
    tests = "".join(f"<br>`{test}`" for test in verdict.tests)
    wording = requirement.wording.replace("|", "\\|")
    return (
        f"| {requirement.id} | {requirement.clause} | {level} | {wording} "
        f"| {verdict.state.value}{tests} |"
    )


def main(arguments: Sequence[str], *, root: Path) -> int:
    """Write or check the page under `root`; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.conformance")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 on a drift")
    options = parser.parse_args(arguments)
    try:
        outcomes = load_outcomes(root / RESULTS)
    except ResultsMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    verdicts = judge(load_requirements(root / TABLE), outcomes=outcomes)
    text = page(verdicts)
    target = root / PAGE
    drifted = not target.exists() or target.read_text(encoding="utf-8") != text
    if options.check and drifted:
        print(f"{PAGE} is out of date: run make conformance", file=sys.stderr)
    elif drifted:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    print(summary(verdicts))
    return int(options.check and drifted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], root=Path.cwd()))
