"""What the server makes of a statement: its plan, and the steps of it. Judges nothing."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg

from openehc.storage.batching import PLANNING


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A step of a plan and all below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from steps(below)


async def planned(dsn: str, statement: str, values: Sequence[str] | None = None) -> dict[str, Any]:
    """The plan that is kept, made for no values in particular, and used for these."""
    connection = await asyncpg.connect(dsn, server_settings=dict(PLANNING))
    try:
        await connection.execute(f"prepare kept as {statement}")
        numbers = len(set(re.findall(r"\$\d+", statement)))
        given = values or ["null"] * numbers
        told = f" ({', '.join(given)})" if given else ""
        text = await connection.fetchval(f"explain (format json) execute kept{told}")
    finally:
        await connection.close()
    plan: dict[str, Any] = json.loads(text)[0]["Plan"]
    return plan
