"""Broken tables are refused with file and line."""

from pathlib import Path

import pytest

from tools.requirement_table import Requirement, TableError, load_requirements

HEADER = "id,clause,kind,level,scope,wording\n"
GOOD = "X-1,材料一 4.1,function,M,inside,A card can be issued in a hospital\n"


def _table(tmp_path: Path, *, text: str) -> Path:
    path = tmp_path / "requirements.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_row_is_read(tmp_path: Path) -> None:
    (row,) = load_requirements(_table(tmp_path, text=HEADER + GOOD))

    assert row == Requirement(
        "X-1", "材料一 4.1", "function", "M", "inside", "A card can be issued in a hospital"
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("id,clause\n", ":1: the columns should be id,clause,kind,level,scope,wording"),
        (HEADER + GOOD + GOOD, ":3: X-1 stands twice"),
        (HEADER + GOOD.replace(",M,", ",Z,"), ":2: unknown level Z"),
        (HEADER + GOOD.replace("inside", "outside"), ":2: unknown scope outside"),
        (HEADER + "X-1,,function,M,inside,words\n", ":2: a cell is empty"),
        (HEADER + "X-1,4,function,M,inside\n", ":2: a cell is empty"),
        (HEADER + "X-1,4,function,M,inside,words,more\n", ":2: a cell is empty or there are too"),
    ],
    ids=["header", "twice", "level", "scope", "empty cell", "missing cell", "cell too many"],
)
def test_a_broken_table_is_refused_by_line(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(TableError) as refused:
        load_requirements(_table(tmp_path, text=text))

    assert fault in str(refused.value)


@pytest.mark.parametrize(
    ("clause", "chapter"),
    [
        ("材料一 5.2.1 1)", "材料一 5"),
        ("材料一 3 术语 电子健康卡二维码", "材料一 3"),
        ("材料二 附录B 5.3 no 28", "材料二 附录B"),
        ("003 6.3.1 4)5)", "003 6"),
        ("004 附录1", "004"),
    ],
)
def test_a_clause_belongs_to_a_chapter(clause: str, chapter: str) -> None:
    assert Requirement("X", clause, "data", "M", "inside", "words").chapter == chapter
