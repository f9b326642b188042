"""Bytes to fields, strictly: what JSON allows but a signed message must not.

Duplicate keys are refused (two readers could see two messages), as are lone
surrogates, deep nesting and anything but an object. Error texts never quote input.
"""

import json
from typing import Any, Final

import msgspec

DEPTH_LIMIT: Final = 32
_QUOTE: Final = b'"'


class UnreadableJson(ValueError):
    """Not the JSON that is wanted; the message says which rule it breaks, in Chinese."""


_text_decoder: Final = msgspec.json.Decoder(dict[str, str])
_flat_decoder: Final = msgspec.json.Decoder(dict[str, str | int | float | bool | None])
_decoder: Final = msgspec.json.Decoder(dict[str, Any])


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw` (UTF-8); raises `UnreadableJson`."""
    fields: dict[str, Any]
    try:
        fields = _text_decoder.decode(raw)
        texts = len(fields)
    except (ValueError, RecursionError):
        try:
            fields = _flat_decoder.decode(raw)
        except (ValueError, RecursionError):
            return _read_any(raw)
        texts = len([True for value in fields.values() if type(value) is str])
    return fields if _no_key_twice(raw, len(fields), texts) else _read_any(raw)


def _no_key_twice(raw: bytes, keys: int, texts: int) -> bool:
    """Whether counting quotes already proves that no key came twice.

    In a flat object without escapes every key and every text has two quotes, so a key
    that was given twice leaves more quotes than the decoded fields explain. This spares
    the slow reading for almost every message.
    """
    return raw.count(_QUOTE) == 2 * (keys + texts) and b"\\" not in raw


def _read_any(raw: bytes) -> dict[str, Any]:
    try:
        fields = _decoder.decode(raw)
    except msgspec.ValidationError:
        raise UnreadableJson("报文应为JSON对象") from None
    except UnicodeDecodeError:
        raise UnreadableJson("报文应为UTF-8编码") from None
    except RecursionError:
        raise UnreadableJson("JSON嵌套过深") from None
    except msgspec.DecodeError:
        raise UnreadableJson("报文不是合法的JSON") from None
    _read_strictly(raw)
    return fields


def _read_strictly(raw: bytes) -> None:
    try:
        tree = json.loads(raw, object_pairs_hook=_no_duplicates)
    except UnreadableJson:
        raise
    except RecursionError:
        raise UnreadableJson("JSON嵌套过深") from None
    except ValueError:
        raise UnreadableJson("报文不是合法的JSON") from None
    _refuse_depth(tree)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise UnreadableJson("JSON中有重复的字段名")
    return fields


def _refuse_depth(tree: object) -> None:
    level: list[Any] = [tree]
    for _ in range(DEPTH_LIMIT):
        level = [
            child
            for node in level
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return
    raise UnreadableJson("JSON嵌套过深")
