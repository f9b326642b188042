"""A broken table is refused at loading, with its file and line."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from openehc.spec import SpecError, load, load_from
from tests.support.spec_tables import DATA, copied_tables, replace_once

VERIFY = "methods/ehc.ehealthcode.verify.csv"
ALTERLINK = "methods/ehc.ehealthcard.alterlink.csv"
FIRST_METHOD = "ehc.ehealthcard.querywithreg"

# The end of the last request field of VERIFY.
LAST = "N,2,supplement_mode,,,,"

BROKEN = {
    "duplicate code": ("dictionaries/sex.csv", "\n2,", "\n1,", "duplicate code"),
    "empty code": ("dictionaries/sex.csv", "\n2,", "\n,", "code is empty"),
    "empty name": ("dictionaries/sex.csv", "2,女", "2,", "name is empty"),
    "missing source": ("dictionaries/nation.csv", ",004 附录2 2.3", ",", "source is empty"),
    "unknown parent": ("dictionaries/org_level.csv", "甲等,030", "甲等,031", "unknown parent"),
    "own parent": ("dictionaries/org_level.csv", "甲等,030", "甲等,032", "unknown parent"),
    "missing column": ("dictionaries/sex.csv", "1,男,", "1,男", "4 columns"),
    "further column": ("dictionaries/sex.csv", "1,男,", "1,男,,", "6 columns"),
    "blank line": ("dictionaries/sex.csv", "1,男", "\n1,男", "0 columns"),
    "wrong header": ("dictionaries/sex.csv", "code,", "id,", "the columns are not"),
    "byte order mark": ("dictionaries/sex.csv", "code,", "\ufeffcode,", "the columns are not"),
    "stray quote": ("dictionaries/sex.csv", "1,男,", '1,"男"x,', "expected after"),
    "alias of nowhere": ("aliases.csv", "nation,", "colour,", "unknown dictionary"),
    "alias of no code": ("aliases.csv", "达尔族,31", "达尔族,98", "unknown code"),
    "duplicate alias": ("aliases.csv", "柯尔柯孜族", "达尔族", "duplicate alias"),
    "empty alias": ("aliases.csv", "达尔族", "", "alias is empty"),
    "no title": ("dictionaries.csv", "sex,性别", "sex,", "title is empty"),
    "no cure": ("return_codes.csv", load().return_code("0000").cure_zh, "", "cure_zh is empty"),
    "return code twice": ("return_codes.csv", "\n9999,", "\n9998,", "duplicate code"),
    "method twice": (
        "app_methods.csv", "\nehc.ehealthcard.register,", f"\n{FIRST_METHOD},", "duplicate method",
    ),
    "unknown status": ("app_methods.csv", ",document,", ",official,", "unknown status"),
    "serial of no field": ("app_methods.csv", "out_verify_no", "out_no", "no such field: out_no"),
    "group of no field": ("app_methods.csv", "id_type+id_no", "id_type+id", "no such field: id"),
    "unknown direction": (VERIFY, "request,ehealth_code", "both,ehealth_code", "unknown direction"),
    "unknown kind": (VERIFY, ",text,", ",string,", "unknown kind"),
    "unknown dictionary": (VERIFY, "treatment,", "treatments,", "unknown dictionary"),
    "code without dictionary": (VERIFY, "treatment,", ",", "needs a dictionary"),
    "text without length": (VERIFY, "text,Y,256", "text,Y,", "needs max_length"),
    "list without maximum": (ALTERLINK, ",20,", ",,", "needs maximum"),
    "field twice": (VERIFY, "request,operator_id", "request,out_verify_no", "duplicate name"),
    "field without name": (VERIFY, "request,operator_id", "request,", "name is empty"),
    "field without title": (VERIFY, "ip地址", "", "title is empty"),
    "required unclear": (VERIFY, "text,Y,256", "text,yes,256", "unknown required"),
    "length no number": (VERIFY, "text,Y,256", "text,Y,2048k", "no whole number"),
    "required with default": (VERIFY, LAST, "Y,2,supplement_mode,,,01,", "no default"),
    "default no value": (VERIFY, LAST, "N,2,supplement_mode,,,77,", "default is none"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_broken_row_is_refused_with_its_line(
    tmp_path: Path, file: str, old: str, new: str, problem: str
) -> None:
    folder = copied_tables(tmp_path)
    # A replacement that starts a line breaks the line after the line feed.
    line = replace_once(folder / file, old=old, new=new) + old.startswith("\n")

    with pytest.raises(SpecError) as caught:
        load_from(folder)

    assert (caught.value.file, caught.value.line) == (file, line)
    assert problem in caught.value.problem


def test_a_table_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    folder = copied_tables(tmp_path)
    file = folder / "dictionaries" / "sex.csv"
    file.write_bytes(file.read_bytes().replace("男".encode(), "男".encode("gbk"), 1))

    with pytest.raises(SpecError, match=r"dictionaries/sex\.csv:3: not UTF-8"):
        load_from(folder)


def _empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize(
    ("file", "damage", "problem"),
    [
        ("dictionaries/sex.csv", Path.unlink, "no such file"),
        ("methods/ehc.ehealthcode.verify.csv", Path.unlink, "no such file"),
        ("return_codes.csv", _empty, "the file is empty"),
    ],
    ids=["dictionary gone", "method gone", "empty"],
)
def test_a_missing_or_empty_table_is_refused(
    tmp_path: Path, file: str, damage: Callable[[Path], None], problem: str
) -> None:
    folder = copied_tables(tmp_path)
    damage(folder / file)

    with pytest.raises(SpecError, match=problem):
        load_from(folder)


@pytest.mark.parametrize("place", ["dictionaries", "methods"])
def test_a_table_that_no_index_names_is_refused(tmp_path: Path, place: str) -> None:
    folder = copied_tables(tmp_path)
    (folder / place / "stranger.csv").write_text("", encoding="utf-8")

    with pytest.raises(SpecError, match=rf"{place}/stranger\.csv:0: named in no index"):
        load_from(folder)


def test_the_shipped_tables_are_read_once() -> None:
    assert load() is load()


def test_all_tables_load_in_three_tenths_of_a_second() -> None:
    def seconds() -> float:
        start = time.process_time()
        load_from(DATA)
        return time.process_time() - start

    # a processor that others use as well is slower: one good try is enough
    assert any(seconds() < 0.3 for _ in range(10))
