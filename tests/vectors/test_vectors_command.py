"""`ehc vectors`: what it prints, and when it fails."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from openehc.cli.vectors_command import default_folder, vectors_command

GOOD = {
    "id": "abc",
    "kind": "sm3",
    "given": {"data_utf8": "abc"},
    "expect": {"digest": "66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0"},
}


def run(folder: Path) -> Result:
    return CliRunner().invoke(vectors_command, ["--dir", str(folder)])


def write(folder: Path, *cases: dict[str, Any], name: str = "some.json") -> None:
    content = {"title": "t", "source": "s", "cases": list(cases)}
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def test_it_prints_a_line_for_each_file_and_the_sum(tmp_path: Path) -> None:
    write(tmp_path, GOOD, name="a.json")
    write(tmp_path, GOOD, {**GOOD, "id": "again"}, name="b.json")

    result = run(tmp_path)

    assert result.stdout.splitlines() == [
        "a.json: 1 passed, 0 failed",
        "b.json: 2 passed, 0 failed",
        "3 passed, 0 failed",
    ]
    assert result.exit_code == 0


@pytest.mark.parametrize(
    "case",
    [
        {**GOOD, "kind": "sm33"},
        {**GOOD, "expect": {"digest": "00" * 32}},
        {**GOOD, "expect": {"digestion": "00" * 32}},
        {**GOOD, "given": {"data_hex": "0"}},
        {**GOOD, "given": {}},
    ],
    ids=["unknown kind", "wrong answer", "unknown answer", "bad input", "no input"],
)
def test_a_failing_case_fails_the_run(tmp_path: Path, case: dict[str, Any]) -> None:
    write(tmp_path, GOOD, case)

    result = run(tmp_path)

    assert result.stdout.splitlines()[-1] == "1 passed, 1 failed"
    assert result.exit_code == 1


def test_a_failing_case_is_named(tmp_path: Path) -> None:
    write(tmp_path, {**GOOD, "expect": {"digest": "00" * 32}})

    assert "some.json: abc: digest is" in run(tmp_path).stderr


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps({"title": "t", "source": "s", "cases": []}),
        json.dumps({"title": "", "source": "s", "cases": [GOOD]}),
        json.dumps({"title": "t", "cases": [GOOD]}),
        json.dumps({"title": "t", "source": "s", "cases": [{**GOOD, "expect": {}}]}),
        json.dumps({"title": "t", "source": "s", "cases": ["abc"]}),
    ],
    ids=[
        "empty", "list", "no fields", "no cases", "no title", "no source",
        "no expectation", "no case",
    ],
)  # fmt: skip
def test_a_file_that_is_none_fails_the_run(tmp_path: Path, content: str) -> None:
    write(tmp_path, GOOD, name="a.json")
    (tmp_path / "b.json").write_text(content, encoding="utf-8")

    result = run(tmp_path)

    assert result.stdout.splitlines()[-1] == "1 passed, 1 failed"
    assert result.exit_code == 1


@pytest.mark.parametrize("expect", [{}, {"digest": ""}, {"digest": 1}])
def test_a_case_that_expects_nothing_is_named(tmp_path: Path, expect: dict[str, Any]) -> None:
    write(tmp_path, {**GOOD, "expect": expect})

    assert "abc expects nothing" in run(tmp_path).stderr


def test_a_folder_without_vectors_fails_the_run(tmp_path: Path) -> None:
    assert run(tmp_path).exit_code == 1


def test_vectors_beside_pyproject_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vectors").mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)

    assert default_folder() == tmp_path / "vectors"


def test_a_folder_that_only_happens_to_be_called_vectors_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vectors").mkdir()
    monkeypatch.chdir(tmp_path)

    assert (default_folder() / "identifiers.json").is_file()
