"""What is wrong with an input, in Chinese: words for the errors that pydantic finds.

Holds bounds and names of the form alone; what was sent may be personal and is never repeated.
"""

from collections.abc import Mapping
from typing import Any, Final

OTHERWISE: Final = "格式或取值不符合要求"

_SAID: Final = {
    "missing": "必填",
    "extra_forbidden": "没有此字段",
    "string_type": "应为文字",
    "string_too_short": "不得少于{min_length}个字符",
    "string_too_long": "不得超过{max_length}个字符",
    "string_pattern_mismatch": "格式不符，或含有不允许的字符",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_from_float": "应为整数",
    "greater_than": "应大于{gt}",
    "greater_than_equal": "不得小于{ge}",
    "less_than": "应小于{lt}",
    "less_than_equal": "不得大于{le}",
    "bool_type": "应为true或false",
    "bool_parsing": "应为true或false",
    "enum": "可取值：{expected}",
    "literal_error": "可取值：{expected}",
    "date_type": "应为日期，如2026-03-02",
    "date_parsing": "应为日期，如2026-03-02",
    "date_from_datetime_parsing": "应为日期，如2026-03-02",
    "date_from_datetime_inexact": "应为日期，如2026-03-02",
    "datetime_type": "应为时间，如2026-03-02T08:00:00+08:00",
    "datetime_parsing": "应为时间，如2026-03-02T08:00:00+08:00",
    "datetime_from_date_parsing": "应为时间，如2026-03-02T08:00:00+08:00",
    "timezone_aware": "时间须带时区，如2026-03-02T08:00:00+08:00",
    "list_type": "应为列表",
    "dict_type": "应为JSON对象",
    "model_type": "应为JSON对象",
    "model_attributes_type": "应为JSON对象",
    "json_invalid": "不是合法的JSON",
    "uuid_type": "应为UUID",
    "uuid_parsing": "应为UUID",
    "value_error": "不得含控制字符",
}
_LENGTHS: Final = {
    "too_short": "不得少于{min_length}{unit}",
    "too_long": "不得超过{max_length}{unit}",
}


def said(found: Mapping[str, Any]) -> str:
    """One error of pydantic in words."""
    context = dict(found.get("ctx") or {})
    kind = str(found.get("type"))
    text = _SAID.get(kind) or _LENGTHS.get(kind) or OTHERWISE
    context["unit"] = "个字符" if context.get("field_type") == "Value" else "项"
    if "expected" in context:
        context["expected"] = str(context["expected"]).replace("'", "").replace(" or ", "、")
        context["expected"] = context["expected"].replace(", ", "、")
    try:
        return text.format_map(context)
    except KeyError:
        return OTHERWISE
