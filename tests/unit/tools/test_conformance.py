"""The conformance page tells from test results what is proven."""

import json
from pathlib import Path

import pytest

from tools.conformance import PAGE, RESULTS, main
from tools.requirement_table import TABLE

ROWS = """\
id,clause,kind,level,scope,wording
X-1,材料一 4.1,function,M,inside,A card can be issued | in a hospital
X-2,材料一 4.2,function,R,evidence,Codes of other nodes are verified too
X-3,材料二 附录B 5.1 no 1,function,O,inside,Accounts can be managed
"""


class Project:
    """A tree with a small table, in which the tool works."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / TABLE).parent.mkdir(parents=True)
        (root / TABLE).write_text(ROWS, encoding="utf-8")
        (root / RESULTS).parent.mkdir(parents=True)

    def ran(self, *tests: tuple[str, list[str], str]) -> None:
        """Leave the results of a whole run behind."""
        self._leave({"complete": True, "tests": _records(tests)})

    def ran_partly(self, *tests: tuple[str, list[str], str]) -> None:
        """Leave the results of a partial run in the place of a whole one."""
        self._leave({"complete": False, "tests": _records(tests)})

    def page(self) -> str:
        """What the page says."""
        return (self.root / PAGE).read_text(encoding="utf-8")

    def _leave(self, results: dict[str, object]) -> None:
        (self.root / RESULTS).write_text(json.dumps(results), encoding="utf-8")


def _records(tests: tuple[tuple[str, list[str], str], ...]) -> list[dict[str, object]]:
    return [{"test": test, "requirements": ids, "outcome": outcome} for test, ids, outcome in tests]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_requirement_whose_tests_passed_is_proven(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.ran(("t.py::a", ["X-1"], "passed"))

    main([], root=project.root)

    assert capsys.readouterr().out == "1 of 3 requirements proven\n"


def test_one_failed_test_is_enough_to_lose_the_proof(project: Project) -> None:
    project.ran(("t.py::a", ["X-1"], "passed"), ("t.py::b", ["X-1"], "failed"))

    main([], root=project.root)

    assert "| failing<br>`t.py::a`<br>`t.py::b` |" in project.page()


def test_a_failed_case_fails_its_parametrised_test(project: Project) -> None:
    project.ran(
        ("t.py::a[1]", ["X-1"], "passed"),
        ("t.py::a[2]", ["X-1"], "failed"),
        ("t.py::a[3]", ["X-1"], "passed"),
    )

    main([], root=project.root)

    assert "| failing<br>`t.py::a` |" in project.page()


def test_a_requirement_without_a_test_is_open(project: Project) -> None:
    project.ran()

    main([], root=project.root)

    assert "| X-3 | 材料二 附录B 5.1 no 1 | may | Accounts can be managed | open |" in (
        project.page()
    )


def test_evidence_is_marked_as_such(project: Project) -> None:
    project.ran()

    main([], root=project.root)

    assert "| X-2 | 材料一 4.2 | should, *evidence* |" in project.page()


def test_a_bar_in_a_wording_does_not_break_the_table(project: Project) -> None:
    project.ran()

    main([], root=project.root)

    assert r"A card can be issued \| in a hospital" in project.page()


def test_chapters_are_counted(project: Project) -> None:
    project.ran(("t.py::a", ["X-1", "X-3"], "passed"), ("t.py::b", ["X-2"], "failed"))

    main([], root=project.root)

    rows = [line for line in project.page().splitlines() if line.count("|") == 6]
    assert rows[2:5] == [
        "| 材料一 4 | 2 | 1 | 1 | 0 |",
        "| 材料二 附录B | 1 | 1 | 0 | 0 |",
        "| **all** | 3 | 2 | 1 | 0 |",
    ]


def test_the_order_of_the_results_does_not_show(project: Project) -> None:
    first, second = ("t.py::a", ["X-1"], "passed"), ("t.py::b", ["X-1"], "passed")
    project.ran(first, second)
    main([], root=project.root)
    before = project.page()
    project.ran(second, first)

    main([], root=project.root)

    assert project.page() == before


def test_check_accepts_the_page_that_was_written(project: Project) -> None:
    project.ran(("t.py::a", ["X-1"], "passed"))
    main([], root=project.root)

    assert main(["--check"], root=project.root) == 0


def test_check_refuses_a_page_that_drifted(project: Project) -> None:
    project.ran(("t.py::a", ["X-1"], "passed"))
    main([], root=project.root)
    project.ran()

    assert main(["--check"], root=project.root) == 1


def test_check_writes_nothing(project: Project) -> None:
    project.ran()

    main(["--check"], root=project.root)

    assert not (project.root / PAGE).exists()


def test_without_results_nothing_is_claimed(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([], root=project.root)

    assert (code, capsys.readouterr().out) == (1, "")


def test_a_partial_run_proves_nothing(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.ran_partly(("t.py::a", ["X-1"], "passed"))

    code = main([], root=project.root)

    assert (code, capsys.readouterr().out) == (1, "")
