"""The plugin holds marked tests to the rules and records what they proved."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.conformance_plugin import COMPLETE, PARTIAL
from tools.requirement_table import TABLE

ROWS = """\
id,clause,kind,level,scope,wording
X-1,材料一 4.1,function,M,inside,A card can be issued in a hospital
X-2,材料一 4.2,function,M,inside,Codes of other nodes are verified too
"""

SETTINGS = """\
[pytest]
testpaths = tests
addopts = -p tests.support.conformance_plugin --strict-markers --import-mode=importlib
markers = requirement(*ids): rows that a test proves
"""

TWO_TESTS = """
import pytest

@pytest.mark.requirement("X-2", "X-1")
def test_proves(): pass

def test_other(): pass
"""

FAILS_IN_CALL = """
import pytest

@pytest.mark.requirement("X-1")
def test_a(): assert False
"""

FAILS_IN_SETUP = """
import pytest

@pytest.fixture
def bad(): assert False

@pytest.mark.requirement("X-1")
def test_a(bad): pass
"""

FAILS_IN_TEARDOWN = """
import pytest

@pytest.fixture
def bad():
    yield
    assert False

@pytest.mark.requirement("X-1")
def test_a(bad): pass
"""

FAILS_ONCE = """
import pytest

TRIES = []

@pytest.mark.requirement("X-1")
def test_a():
    TRIES.append(1)
    assert len(TRIES) > 1
"""

WORKER = ("-p", "xdist", "-n1")
WORKERS = ("-p", "xdist", "-n2")

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a suite of one file in a project of its own."""
    # Loading every installed plugin anew would take most of the time.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    table = pytester.path / TABLE
    table.parent.mkdir(parents=True)
    table.write_text(ROWS, encoding="utf-8")
    pytester.makeini(SETTINGS)
    pytester.mkdir("tests")

    def run_suite(source: str, *arguments: str) -> pytest.RunResult:
        (pytester.path / "tests" / "test_suite.py").write_text(source, encoding="utf-8")
        return pytester.runpytest_inprocess(*arguments)

    return run_suite


def _outcomes(pytester: pytest.Pytester) -> dict[str, Any]:
    """Test name -> outcome of the last whole run."""
    results = json.loads((pytester.path / COMPLETE).read_text(encoding="utf-8"))
    return {test["test"].split("::")[-1]: test["outcome"] for test in results["tests"]}


class TestRules:
    """What the marker allows."""

    def test_an_unknown_id_is_a_collection_error(self, run: Run) -> None:
        result = run("import pytest\n@pytest.mark.requirement('X-9')\ndef test_a(): pass\n")

        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*test_a: unknown requirement 'X-9'"])

    def test_an_unknown_id_on_a_class_is_a_collection_error(self, run: Run) -> None:
        result = run(
            "import pytest\n@pytest.mark.requirement('X-9')\n"
            "class TestA:\n    def test_a(self): pass\n"
        )

        result.assert_outcomes(errors=1)

    def test_an_unknown_id_is_an_error_in_a_worker_too(self, run: Run) -> None:
        result = run(
            "import pytest\n@pytest.mark.requirement('X-9')\ndef test_a(): pass\n", *WORKER
        )

        result.assert_outcomes(errors=1)

    def test_a_marker_without_ids_is_a_collection_error(self, run: Run) -> None:
        result = run("import pytest\n@pytest.mark.requirement\ndef test_a(): pass\n")

        result.assert_outcomes(errors=1)

    def test_a_skipped_test_proves_nothing_and_fails(self, run: Run) -> None:
        result = run(
            "import pytest\n@pytest.mark.requirement('X-1')\n@pytest.mark.skip\n"
            "def test_a(): pass\n"
        )

        result.assert_outcomes(errors=1)

    def test_a_test_that_skips_itself_fails(self, run: Run) -> None:
        result = run(
            "import pytest\n@pytest.mark.requirement('X-1')\ndef test_a(): pytest.skip('no')\n"
        )

        result.assert_outcomes(failed=1)

    def test_an_expected_failure_fails(self, run: Run) -> None:
        result = run(
            "import pytest\n@pytest.mark.requirement('X-1')\n@pytest.mark.xfail\n"
            "def test_a(): assert False\n"
        )

        result.assert_outcomes(failed=1)

    def test_an_expected_failure_that_passes_fails(self, run: Run) -> None:
        result = run(
            "import pytest\n@pytest.mark.requirement('X-1')\n@pytest.mark.xfail\n"
            "def test_a(): pass\n"
        )

        result.assert_outcomes(failed=1)

    def test_a_test_without_the_marker_may_be_skipped(self, run: Run) -> None:
        result = run("import pytest\n@pytest.mark.skip\ndef test_a(): pass\n")

        result.assert_outcomes(skipped=1)


class TestResults:
    """What is written at the end."""

    def test_a_passed_test_is_recorded_with_its_ids(
        self, run: Run, pytester: pytest.Pytester
    ) -> None:
        run(TWO_TESTS)

        assert json.loads((pytester.path / COMPLETE).read_text(encoding="utf-8")) == {
            "complete": True,
            "tests": [
                {
                    "test": "tests/test_suite.py::test_proves",
                    "requirements": ["X-1", "X-2"],
                    "outcome": "passed",
                }
            ],
        }

    def test_workers_report_the_same(self, run: Run, pytester: pytest.Pytester) -> None:
        run(TWO_TESTS)
        alone = (pytester.path / COMPLETE).read_text(encoding="utf-8")

        run(TWO_TESTS, *WORKERS)

        assert (pytester.path / COMPLETE).read_text(encoding="utf-8") == alone

    @pytest.mark.parametrize(
        "source",
        [FAILS_IN_CALL, FAILS_IN_SETUP, FAILS_IN_TEARDOWN],
        ids=["call", "setup", "teardown"],
    )
    def test_a_failure_in_any_phase_is_a_failure(
        self, run: Run, pytester: pytest.Pytester, source: str
    ) -> None:
        run(source)

        assert _outcomes(pytester) == {"test_a": "failed"}

    @pytest.mark.parametrize(("source", "outcome"), [
        (FAILS_ONCE, "passed"), (FAILS_IN_CALL, "failed"), (FAILS_IN_TEARDOWN, "failed"),
    ])  # fmt: skip
    def test_of_several_tries_the_last_one_counts(
        self, run: Run, pytester: pytest.Pytester, source: str, outcome: str
    ) -> None:
        run(source, "-p", "pytest_rerunfailures", "--reruns", "1")

        assert _outcomes(pytester) == {"test_a": outcome}

    @pytest.mark.parametrize(
        "arguments",
        [
            ["-k", "proves"],
            ["-m", "requirement"],
            ["tests/test_suite.py"],
            ["tests/test_suite.py::test_proves"],
            ["--deselect", "tests/test_suite.py::test_other"],
            ["-x"],
            ["--collect-only"],
        ],
        ids=" ".join,
    )
    def test_a_partial_run_leaves_the_whole_one_alone(
        self, run: Run, pytester: pytest.Pytester, arguments: list[str]
    ) -> None:
        run(TWO_TESTS)
        whole = (pytester.path / COMPLETE).read_text(encoding="utf-8")

        run(TWO_TESTS.replace("pass", "assert False"), *arguments)

        assert (pytester.path / COMPLETE).read_text(encoding="utf-8") == whole

    def test_a_partial_run_says_that_it_is_one(self, run: Run, pytester: pytest.Pytester) -> None:
        run(TWO_TESTS, "-k", "proves")

        assert json.loads((pytester.path / PARTIAL).read_text(encoding="utf-8"))["complete"] is (
            False
        )

    def test_the_whole_suite_named_by_its_folder_is_whole(
        self, run: Run, pytester: pytest.Pytester
    ) -> None:
        run(TWO_TESTS, "tests")

        assert _outcomes(pytester) == {"test_proves": "passed"}

    @pytest.mark.parametrize("arguments", [[], ["--continue-on-collection-errors"]], ids=str)
    def test_a_run_that_broke_while_collecting_leaves_no_whole_result(
        self, run: Run, pytester: pytest.Pytester, arguments: list[str]
    ) -> None:
        run(TWO_TESTS)

        run("import nothing_of_that_name\n", *arguments)

        assert not (pytester.path / COMPLETE).exists()

    def test_a_run_that_lost_a_worker_leaves_no_whole_result(
        self, run: Run, pytester: pytest.Pytester
    ) -> None:
        run(
            "import os, pytest\n@pytest.mark.requirement('X-1')\ndef test_a(): os._exit(3)\n",
            *WORKER,
        )

        assert not (pytester.path / COMPLETE).exists()
