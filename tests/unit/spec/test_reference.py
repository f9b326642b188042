"""The reference pages are what the tables say."""

from pathlib import Path

import pytest

from tools.reference import FOLDER, main


def test_the_pages_in_the_repository_are_up_to_date() -> None:
    assert main(["--check", "--folder", str(FOLDER)]) == 0


def test_fresh_pages_pass_the_check(tmp_path: Path) -> None:
    main(["--folder", str(tmp_path)])

    assert main(["--check", "--folder", str(tmp_path)]) == 0


@pytest.mark.parametrize("page", ["return-codes.md", "dictionaries.md", "methods.md"])
def test_a_page_that_drifted_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], page: str
) -> None:
    main(["--folder", str(tmp_path)])
    (tmp_path / page).write_text("stale", encoding="utf-8")

    exit_code = main(["--check", "--folder", str(tmp_path)])

    printed = capsys.readouterr().out
    assert (exit_code, page in printed, printed.count("\n")) == (1, True, 1)


def test_a_missing_page_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--check", "--folder", str(tmp_path)])

    assert "methods.md" in capsys.readouterr().out


def test_a_check_writes_nothing(tmp_path: Path) -> None:
    main(["--check", "--folder", str(tmp_path)])

    assert list(tmp_path.iterdir()) == []
