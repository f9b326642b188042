"""Rows that travel as one JSON text arrive in the database as they were."""

from datetime import UTC, date, datetime
from enum import StrEnum

from openehc.storage.batching import BatchedRead
from openehc.storage.pool import Database
from openehc.storage.rows import as_json, given_rows


class Colour(StrEnum):
    RED = "red"


COLUMNS = {
    "at": "timestamptz", "day": "date", "number": "bigint", "raw": "bytea", "colour": "text",
    "key": "uuid", "name": "text",
}  # fmt: skip
KEY = "0123456789abcdef0123456789abcdef"
ROW = (
    datetime(2026, 3, 2, 0, 30, 1, 234567, tzinfo=UTC), date(2026, 3, 2), -(2**63),
    bytes(range(256)), Colour.RED, KEY, '䶮𠮷 "quoted" \\ back\nline',
)  # fmt: skip


async def test_values_of_every_kind_arrive_unchanged(database: Database) -> None:
    reads = BatchedRead(database, given_rows(COLUMNS), name="read", lanes=1, shape=as_json)

    answer = await reads.run(ROW)

    assert answer is not None
    assert (answer["key"].hex, *answer.values())[:-2] == (KEY, 1, *ROW[:4], "red")
    assert answer["name"] == ROW[-1]
    await reads.close()


async def test_what_is_not_there_is_null(database: Database) -> None:
    reads = BatchedRead(database, given_rows(COLUMNS), name="read", lanes=1, shape=as_json)

    answer = await reads.run((None,) * len(COLUMNS))

    assert answer is not None
    assert tuple(answer.values()) == (1, *(None,) * len(COLUMNS))
    await reads.close()


async def test_a_row_without_columns_that_the_statement_wants_is_null_there(
    database: Database,
) -> None:
    rows = await database.fetch(given_rows({"a": "int", "b": "text"}), *as_json([(1,), (2, "b")]))

    assert [tuple(row.values()) for row in rows] == [(1, 1, None), (2, 2, "b")]
