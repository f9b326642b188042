"""Audit records searched, counted and taken out; whoever looks is recorded."""

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from openehc.audit.export_trail import ExportFormat, ExportTrail
from openehc.audit.model import Actor, ActorKind, Category
from openehc.audit.record_store import RecordQuery, RecordStore
from openehc.audit.search_trail import SearchTrail
from openehc.kernel.refusal import Refusal
from openehc.storage.listing import Listing
from tests.support.audit import EVENT, MORNING, TrailOfNode

AUDITOR: Final = Actor(ActorKind.USER, "auditor", "127.0.0.1")
NEWEST: Final = Listing(order="at", direction="desc", limit=20, offset=0)
EVERYTHING: Final = RecordQuery()


def _search(node: TrailOfNode) -> SearchTrail:
    return SearchTrail(RecordStore(node.database), node.trail)


async def _found(
    node: TrailOfNode, query: RecordQuery, *, actor: Actor = AUDITOR, listing: Listing = NEWEST
) -> list[str]:
    page = await _search(node)(query, listing=listing, actor=actor, now=node.clock.now())
    return [record.object_ref for record in page.records if record.object_kind != "audit"]


async def _export(node: TrailOfNode, kind: ExportFormat) -> str:
    take_out = ExportTrail(RecordStore(node.database), node.trail)
    parts = await take_out(EVERYTHING, kind, actor=AUDITOR, now=node.clock.now())
    return b"".join([part async for part in parts]).decode()


@pytest.mark.requirement("G2-B-5.3-25")
@pytest.mark.parametrize(
    "asked",
    [{"actor_id": "other"}, {"category": "security"}, {"action": "user.disable"},
     {"object_ref": "2"}, {"result": "not_granted"}, {"institution_id": 7},
     {"since": MORNING + timedelta(seconds=1), "object_kind": "user"}],
    ids=str,
)  # fmt: skip
async def test_records_are_found_by_what_they_say(
    trail_of_node: TrailOfNode, asked: dict[str, object]
) -> None:
    await trail_of_node.record("1")
    await trail_of_node.trail.record(
        replace(
            EVENT, at=trail_of_node.clock.now(), category=Category.SECURITY, action="user.disable",
            actor=Actor(ActorKind.USER, "other", institution_id=7), object_kind="user",
            object_ref="2", result="not_granted",
        )
    )  # fmt: skip

    assert await _found(trail_of_node, RecordQuery(**asked)) == ["2"]  # type: ignore[arg-type]


async def test_a_list_is_cut_into_pages(trail_of_node: TrailOfNode) -> None:
    await trail_of_node.record("1", "2", "3")
    second = Listing(order="at", direction="asc", limit=1, offset=1)

    assert await _found(trail_of_node, EVERYTHING, listing=second) == ["2"]


@pytest.mark.requirement("G1-9.4-4")
async def test_whoever_looks_is_recorded_with_what_they_asked_for(
    trail_of_node: TrailOfNode,
) -> None:
    await _found(trail_of_node, RecordQuery(actor_id="somebody"))

    row = await trail_of_node.database.fetchrow("select * from audit_records")
    assert row
    assert (row["actor_id"], row["action"]) == ("auditor", "audit.search")
    assert json.loads(row["after"]) == {"actor_id": "somebody"}


async def test_somebody_of_one_institution_sees_nothing_of_another(
    trail_of_node: TrailOfNode,
) -> None:
    await trail_of_node.record("1")
    theirs = replace(AUDITOR, institution_id=7)
    await trail_of_node.trail.record(replace(EVENT, actor=theirs, object_ref="2"))

    assert await _found(trail_of_node, EVERYTHING, actor=theirs) == ["2"]
    assert await _found(trail_of_node, RecordQuery(institution_id=8), actor=theirs) == ["2"]


async def test_records_are_counted_by_day_and_action(trail_of_node: TrailOfNode) -> None:
    await trail_of_node.record("1", "2")
    await trail_of_node.hours_later(24)
    await trail_of_node.record("3")

    counts = await _search(trail_of_node).counted(
        RecordQuery(object_kind="institution"), by=("day", "action"), actor=AUDITOR,
        now=trail_of_node.clock.now(),
    )  # fmt: skip

    assert not isinstance(counts, Refusal)
    assert [(count.key, count.records) for count in counts] == [
        (("2026-03-02", "institution.approve"), 2),
        (("2026-03-03", "institution.approve"), 1),
    ]


@pytest.mark.parametrize("by", [(), ("day", "day"), ("hash",), ("1; drop table audit_records",)])
async def test_counts_by_anything_else_are_refused(
    trail_of_node: TrailOfNode, by: tuple[str, ...]
) -> None:
    counts = await _search(trail_of_node).counted(EVERYTHING, by=by, actor=AUDITOR, now=MORNING)

    assert isinstance(counts, Refusal)


async def test_json_lines_hold_every_record_and_its_place_in_the_chain(
    trail_of_node: TrailOfNode,
) -> None:
    await trail_of_node.record(*(str(number) for number in range(501)))

    lines = [
        json.loads(line)
        for line in (await _export(trail_of_node, ExportFormat.JSON_LINES)).splitlines()
    ]

    assert [line["object_ref"] for line in lines] == [*(str(n) for n in range(501)), ""]
    assert lines[0]["at"] == MORNING.isoformat()
    assert (lines[2]["seq"], lines[2]["place"], len(lines[2]["hash"])) == (3, 1, 64)
    assert lines[-1]["action"] == "audit.export"  # it was recorded before it began


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum(A1)", "\t=1", "\r=1"])
async def test_a_cell_that_a_spreadsheet_would_take_for_a_formula_is_disarmed(
    trail_of_node: TrailOfNode, text: str
) -> None:
    await trail_of_node.trail.record(replace(EVENT, reason=text))

    rows = list(csv.DictReader(io.StringIO(await _export(trail_of_node, ExportFormat.CSV))))

    assert rows[0]["reason"] == f"'{text}"
    assert rows[0]["before"] == '{"standing":"applied"}'
