"""What is wrong with an input is said in Chinese, with the bound and without what was sent."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from openehc.console.api.input_texts import said
from openehc.console.api.plain_text import PlainText


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Form(BaseModel):
    """A form with one field of each kind."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=2, max_length=4)] = "abc"
    note: Annotated[PlainText, Field(min_length=1, max_length=3)] = "a"
    count: Annotated[int, Field(ge=1, le=30)] = 1
    colour: Colour = Colour.RED
    day: date = date(2026, 3, 2)
    codes: Annotated[list[str], Field(max_length=2)] = []


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": "a"}, "不得少于2个字符"),
        ({"name": "abcde"}, "不得超过4个字符"),
        ({"note": ""}, "不得少于1个字符"),
        ({"note": "\x00"}, "不得含控制字符"),
        ({"count": 0}, "不得小于1"),
        ({"count": 31}, "不得大于30"),
        ({"count": "many"}, "应为整数"),
        ({"colour": "green"}, "可取值：red、blue"),
        ({"day": "soon"}, "应为日期，如2026-03-02"),
        ({"codes": ["1", "2", "3"]}, "不得超过2项"),
        ({"codes": 1}, "应为列表"),
        ({"others": 1}, "没有此字段"),
    ],
)
def test_each_fault_is_said_with_its_bound(sent: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Form.model_validate(sent)

    assert [said(error) for error in refused.value.errors()] == [words]


def test_an_error_without_words_is_still_told() -> None:
    assert said({"type": "recursion_loop"}) == "格式或取值不符合要求"
    assert said({"type": "greater_than_equal", "ctx": {}}) == "格式或取值不符合要求"
