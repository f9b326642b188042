"""The rows of a batch as one parameter: a JSON array of arrays, taken apart by the server.

An array for each column costs the driver a look at every single value and the server
one function call per column; one JSON text is written at once, whatever its width.
A NUL inside a text is refused by the server (class 22), as it is in an array.

    with given as materialized (
        select ord, (v->>0)::timestamptz as at, v->>1 as kind
          from jsonb_array_elements($1::jsonb) with ordinality as r (v, ord)
    ) ...
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

Row: TypeAlias = tuple[object, ...]
"""One row: None, text, whole numbers, bytes, aware datetimes, dates, UUIDs and text enums."""

Parameters: TypeAlias = Sequence[object]

_encode: Final = msgspec.json.Encoder().encode


def as_arrays(rows: Sequence[Row]) -> Parameters:
    """One array for each column, for `unnest($1::text[], $2::bytea[]) with ordinality`."""
    return list(zip(*rows, strict=True))


def as_json(rows: Sequence[Row]) -> Parameters:
    """One JSON text for all rows, for a statement that begins with `given_rows`."""
    return (_encode(rows).decode(),)


def given_rows(columns: Mapping[str, str]) -> str:
    """The query that takes `as_json` apart: `ord`, from 1, and `columns` (name to type)."""
    values = ",\n           ".join(
        f"{_value(place, kind)} as {name}" for place, (name, kind) in enumerate(columns.items())
    )
    return f"""
    select ord, {values}
      from jsonb_array_elements($1::jsonb) with ordinality as r (v, ord)"""  # noqa: S608 (no value)


def _value(place: int, kind: str) -> str:
    match kind:
        case "text":
            return f"v->>{place}"
        case "bytea":  # msgspec writes bytes as base64
            return f"decode(v->>{place}, 'base64')"
        case _:
            return f"(v->>{place})::{kind}"
