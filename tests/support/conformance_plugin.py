"""pytest plugin: ties tests to the requirements that they prove.

- `@pytest.mark.requirement("ID", ...)` with an id that the table does not hold is a
  collection error.
- A test that carries the marker and is skipped or expected to fail fails: nothing is
  proven by a test that did not run.
- At the end of a run over the whole suite the outcomes go to
  build/conformance-results.json; any other run writes
  build/conformance-results-partial.json, so that it never passes for a whole one.

Judges no requirement: `tools.conformance` does.
"""

import json
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Final

import pytest

from tools.requirement_table import TABLE, load_requirements

MARKER: Final = "requirement"
COMPLETE: Final = Path("build/conformance-results.json")
PARTIAL: Final = Path("build/conformance-results-partial.json")

# Options that make a run see less than the whole suite.
_NARROWING: Final = (
    "keyword", "markexpr", "deselect", "ignore", "ignore_glob",
    "lf", "stepwise", "collectonly", "maxfail",
)  # fmt: skip


def carried_ids(item: pytest.Item) -> list[str]:
    """The requirement ids that `item` and its class or module carry, sorted."""
    return sorted({id_ for marker in item.iter_markers(MARKER) for id_ in marker.args})


class MarkerRules:
    """Holds each test to the rules of the marker; lives where the tests run."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Turn the report of a collector with a wrong marker into an error."""
        report = yield
        faults = [
            f"{item.nodeid}: {fault}"
            for item in report.result or ()
            if isinstance(item, pytest.Item)
            for fault in self._faults(item)
        ]
        if faults:
            report.outcome = "failed"
            report.longrepr = "\n".join(faults)
            report.result = []
        return report

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Let the ids travel with the reports: under xdist only reports reach the controller."""
        if ids := carried_ids(item):
            item.user_properties.append((MARKER, ids))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Fail a marked test that was skipped or expected to fail."""
        report = yield
        if carried_ids(item) and (report.skipped or hasattr(report, "wasxfail")):
            report.outcome = "failed"
            report.longrepr = "carries a requirement, so it must run and be expected to pass"
            if hasattr(report, "wasxfail"):
                del report.wasxfail
        return report

    def _faults(self, item: pytest.Item) -> Iterable[str]:
        for marker in item.iter_markers(MARKER):
            if marker.kwargs or not marker.args:
                yield "requirement takes one or more ids and nothing else"
            for id_ in marker.args:
                if id_ not in self._known:
                    yield f"unknown requirement {id_!r}"


class ResultsWriter:
    """Gathers the outcomes and writes them at the end; lives in the controller."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._ids: dict[str, list[str]] = {}
        self._outcomes: dict[str, str] = {}
        self._broken = False
        self._whole = _asks_for_everything(config)

    def pytest_sessionstart(self) -> None:
        """Forget the last whole run when a new one begins: it may not reach its end."""
        if self._whole:
            (self._config.rootpath / COMPLETE).unlink(missing_ok=True)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take note of files that could not be collected."""
        self._broken |= report.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of one phase of one test; the worst phase counts, of the last try."""
        if str(report.outcome) == "rerun":  # a word of pytest-rerunfailures alone
            return
        if report.when not in {"setup", "call", "teardown"}:
            # A worker died under this test: its ids never arrived.
            self._broken = True
        properties = dict(report.user_properties)
        ids = properties.get(MARKER)
        if not isinstance(ids, list):
            return
        self._ids[report.nodeid] = ids
        if report.failed:
            self._outcomes[report.nodeid] = "failed"
        elif report.when == "call":
            self._outcomes.setdefault(report.nodeid, report.outcome)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write what was seen."""
        ended = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
        stopped = bool(session.shouldstop or session.shouldfail)
        complete = self._whole and ended and not stopped and not self._broken
        tests = [
            {
                "test": nodeid,
                "requirements": self._ids[nodeid],
                "outcome": self._outcomes.get(nodeid, "failed"),
            }
            for nodeid in sorted(self._ids)
        ]
        target = self._config.rootpath / (COMPLETE if complete else PARTIAL)
        _write(target, text=json.dumps({"complete": complete, "tests": tests}, indent=1))


def pytest_configure(config: pytest.Config) -> None:
    """Put the rules where tests run and the writer where all reports arrive."""
    table = load_requirements(config.rootpath / TABLE)
    rules = MarkerRules(requirement.id for requirement in table)
    config.pluginmanager.register(rules, "conformance-rules")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(ResultsWriter(config), "conformance-results")


def _asks_for_everything(config: pytest.Config) -> bool:
    """Whether the command line asks for the whole suite."""
    if any(config.getoption(option, default=None) for option in _NARROWING):
        return False
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        return True
    roots = [config.rootpath / name for name in config.getini("testpaths")]
    asked = [config.invocation_params.dir / argument for argument in config.args]
    return bool(roots) and [path.resolve() for path in asked] == [r.resolve() for r in roots]


def _write(target: Path, *, text: str) -> None:
    """Put `text` into `target` in one step, so that no reader sees half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".draft")
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(target)
