"""Usage facts as audit records: who saw whose data, chained in the statement that saves them.

A fact's hash covers what the fact says and the names behind its way, not `first_of_day`,
which the database computes from facts. Saves nothing itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, cast

import asyncpg
import msgspec

from openehc.access.registry import Admission
from openehc.audit.chain import Chain, Chains, unmarked
from openehc.audit.mark_files import MarkFiles
from openehc.audit.origin_store import Origin
from openehc.audit.sources import ChainSource
from openehc.audit.sources import Row as Named
from openehc.cards.usage import FACT_COLUMNS
from openehc.cards.usage_sql import (
    FACTS_OF_DAY,
    HASHES_OF_FACTS,
    MOVED_FACTS,
    SPAN_OF_FACTS,
    UNCHAINED_FACT,
)
from openehc.kernel.clock import china_day
from openehc.kernel.ids import Entropy
from openehc.storage.pool import Database
from openehc.storage.rows import Row

_TABLE: Final = "usage_facts"
_encode: Final = msgspec.json.Encoder().encode
_NAMES: Final = tuple(FACT_COLUMNS)
_WAY: Final = _NAMES.index("way_id")
_SIZE: Final = len(_NAMES)


class FactChains:
    """The chains of one process's facts; `ways` are kept as their hashes cover them."""

    def __init__(
        self, database: Database, entropy: Entropy, marks: MarkFiles | None = None
    ) -> None:
        self._origin: Final = Origin(database)
        mark = marks.of(_TABLE, self._origin) if marks else unmarked
        self._chains: Final = Chains(entropy, self._origin, mark)
        self._ways: Final[dict[int, bytes]] = {}

    async def know_way(self, way: int, admission: Admission) -> None:
        """Tell what a way stands for, before a fact that came by it. Raises DatabaseDown."""
        await self._origin.known()
        self._ways[way] = _way_content(
            admission.app_id, admission.term_id, admission.app_channel, admission.medium.value
        )

    def lane(self, *, saved: str) -> "FactLane":
        """The chain of a lane whose statement tells by the column `saved` which facts it kept."""
        return FactLane(self._chains.opened(), self._ways, saved)

    @contextmanager
    def borrowed(self, *, saved: str) -> Iterator["FactLane"]:
        """A chain for one transaction; tell it `committed` after the commit."""
        with self._chains.borrowed() as chain:
            yield FactLane(chain, self._ways, saved)


class FactLane:
    """What is added to a statement that saves facts, whose rows begin with `FACT_COLUMNS`."""

    __slots__ = ("_chain", "_saved", "_ways")

    def __init__(self, chain: Chain, ways: dict[int, bytes], saved: str) -> None:
        self._chain: Final = chain
        self._ways: Final = ways
        self._saved: Final = saved

    def parameters(self, rows: Sequence[Row]) -> Sequence[object]:
        """Stream and number of the group, and the hashes of the rows, one behind the other."""
        ways = self._ways
        contents = [_encode(row[:_SIZE]) + ways[cast("int", row[_WAY])] for row in rows]
        latest = max(cast("datetime", row[0]) for row in rows)
        stream, seq, hashes = self._chain.link(contents, at=latest)
        return stream, seq, b"".join(hashes)

    def committed(self, records: Sequence[asyncpg.Record]) -> None:
        """The group is those facts that the statement kept."""
        saved = self._saved
        self._chain.keep(sorted(record["ord"] - 1 for record in records if record[saved]))

    def undone(self) -> None:
        """The chain goes on from where it was."""
        self._chain.undo()

    def in_doubt(self) -> None:
        """The chain is never continued."""
        self._chain.abandon()


def _way_content(app_id: str, term_id: str, app_channel: str, medium: str) -> bytes:
    return _encode((app_id, term_id, app_channel, medium))


def _content(row: Named) -> bytes:
    """The bytes that the hash of a stored fact covers; none for one on a day not its own."""
    if row["day"] != china_day(row["at"]):
        return b""
    values = tuple(row[name] for name in _NAMES)
    at = cast("datetime", values[0]).astimezone(UTC)
    way = _way_content(row["app_id"], row["term_id"], row["app_channel"], row["medium"])
    return _encode((at, *values[1:])) + way


FACTS: Final = ChainSource(
    _TABLE, moved=MOVED_FACTS, of_day=FACTS_OF_DAY, hashes=HASHES_OF_FACTS, span=SPAN_OF_FACTS,
    content=_content, unchained=UNCHAINED_FACT,
)  # fmt: skip
"""Who saw whose data at the door for machines."""
