"""The shipped requirement table is whole."""

from collections import Counter

from tests.support.source_tree import ROOT
from tools.requirement_table import TABLE, load_requirements


def test_the_table_holds_every_requirement_within_scope() -> None:
    scopes = Counter(row.scope for row in load_requirements(ROOT / TABLE))

    assert scopes == {"inside": 502, "evidence": 103}


def test_a_wording_is_one_english_line_that_stands_alone() -> None:
    terse = [
        row.id
        for row in load_requirements(ROOT / TABLE)
        if len(row.wording.split()) < 4 or "\n" in row.wording or len(row.wording) > 300
    ]

    assert terse == []


def test_chinese_stands_only_as_a_term() -> None:
    """Sentences of the sources are not ours to print; names of things are."""
    quoting = [
        row.id
        for row in load_requirements(ROOT / TABLE)
        if any("\u3000" <= char <= "\u303f" or char in "，；：" for char in row.wording)
    ]

    assert quoting == []
