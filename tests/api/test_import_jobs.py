"""Imports as jobs: found again, and told as interrupted when their worker is gone."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import openpyxl
import pytest

from openehc.access.imports.import_desk import SILENT, ImportDesk
from openehc.access.imports.importing import Importing
from openehc.access.imports.judging import Known
from openehc.access.imports.reading import ReadFile, ReadRow
from openehc.access.imports.store import ImportStore
from openehc.access.kinds import TERMINALS
from tests.support.entries import Desk
from tests.support.waiting import until_told
from tests.support.workbooks import csv_text, terminal_rows

AT = "/api/imports/terminals"
LEFT_BEHIND = """
insert into import_jobs (job_id, register, mode, state, file_name, file_digest, actor_id,
                         rows_total, rows_done, rows_new, created_at, changed_at)
values ($1, 'terminal', 'apply', 'writing', 'left.csv', $2, 'province', 1000, 500, 500, $3, $3)
"""


@pytest.fixture(autouse=True)
async def fresh(database: Any) -> AsyncIterator[None]:
    yield
    del database


@pytest.fixture
def imports(desk: Desk) -> ImportDesk:
    """The imports of the node, whose reader never comes to an end."""
    found = desk.node.parts.console.desk.imports

    async def never(_register: str, _name: str, _data: bytes) -> ReadFile:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    found.import_file = replace(found.import_file, read=never)
    return found


async def handed_in(client: Any) -> dict[str, Any]:
    """A job that was just taken in."""
    data = csv_text(TERMINALS, terminal_rows(1))
    answer = await client.post(AT, files={"file": ("终端.csv", data)}, data={"mode": "check"})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def state_of(desk: Desk, job: dict[str, Any]) -> str:
    """How far the job came."""
    return str((await desk.province.get(f"{AT}/{job['id']}")).json()["state"])


async def until_reading(desk: Desk, job: dict[str, Any]) -> None:
    """Wait until the job's file is being read."""

    async def reading() -> bool:
        return await state_of(desk, job) == "reading"

    await until_told(reading)


async def test_imports_are_listed_the_newest_first_and_within_reach(desk: Desk) -> None:
    own = await desk.hospital()
    operator = await desk.operator_of(own["id"])
    first = await handed_in(desk.province)
    desk.node.clock.advance(seconds=5)
    second = await handed_in(operator)

    everything = (await desk.province.get(AT)).json()
    reached = (await operator.get(AT)).json()

    assert [job["id"] for job in everything["items"]] == [second["id"], first["id"]]
    assert [(job["id"], job["actor_id"]) for job in reached["items"]] == [
        (second["id"], "hospital")
    ]
    assert (everything["total"], reached["total"]) == (2, 1)


async def test_a_row_with_a_wrong_cell_and_a_wrong_institution_is_told_both(desk: Desk) -> None:
    [row] = terminal_rows(1)
    rows = [{**row, "org_code": "99019909000000000A1009", "purpose": None}]
    data = csv_text(TERMINALS, rows)
    answer = await desk.province.post(
        AT, files={"file": ("终端.csv", data)}, data={"mode": "check"}
    )  # fmt: skip
    job = answer.json()

    async def ended() -> bool:
        return await state_of(desk, job) == "done"

    await until_told(ended)
    returned = await desk.province.get(f"{AT}/{job['id']}/failed")

    book = openpyxl.load_workbook(io.BytesIO(returned.content))
    reasons = [row[3] for row in book["原因"].iter_rows(min_row=2, values_only=True)]
    assert reasons == ["必填", "机构未登记"]


class Interposed(ImportStore):
    """A store between whose look at the register and writing something else happens."""

    meanwhile: Callable[[], Awaitable[Any]]

    async def known(self, importing: Importing, rows: Sequence[ReadRow]) -> Known:
        known = await super().known(importing, rows)
        await self.meanwhile()
        return known


async def test_an_institution_that_leaves_while_its_file_is_taken_leaves_nothing_behind(
    desk: Desk,
) -> None:
    hospital, access = await desk.hospital(), desk.node.parts.console.desk
    held = access.imports.store
    store = Interposed(desk.node.parts.database, held._contacts, held._failed_rows)
    store.meanwhile = lambda: desk.done("institutions", hospital, "exit")
    access.imports.import_file = replace(access.imports.import_file, store=store)

    answer = await desk.province.post(
        AT, files={"file": ("终端.csv", csv_text(TERMINALS, terminal_rows(2)))},
        data={"mode": "approve"},
    )  # fmt: skip
    job = answer.json()

    async def ended() -> bool:
        return await state_of(desk, job) == "done"

    await until_told(ended, seconds=60)
    told = (await desk.province.get(f"{AT}/{job['id']}")).json()
    left = await desk.node.rows(
        "select count(*) as count from terminals where institution_id = $1", hospital["id"]
    )
    assert (told["rows_new"], told["rows_failed"], left[0]["count"]) == (0, 2, 0)


async def test_a_job_whose_worker_was_killed_is_told_as_interrupted(desk: Desk) -> None:
    job = {"id": str(UUID(int=7))}
    await desk.node.parts.database.execute(
        LEFT_BEHIND, UUID(int=7), bytes(32), desk.node.clock.now()
    )
    desk.node.clock.advance(seconds=SILENT.total_seconds())
    before = await state_of(desk, job)

    desk.node.clock.advance(seconds=1)

    told = (await desk.province.get(f"{AT}/{job['id']}")).json()
    assert (before, told["state"]) == ("writing", "failed")
    assert told["problem"] == "导入中断，请重新上传同一文件"
    assert (told["rows_total"], told["rows_done"], told["rows_new"]) == (1000, 500, 500)
    listed = (await desk.province.get(AT, params={"state": "failed"})).json()
    assert [one["id"] for one in listed["items"]] == [job["id"]]


async def test_a_worker_that_stops_says_so_of_its_imports(desk: Desk, imports: ImportDesk) -> None:
    job = await handed_in(desk.province)
    await until_reading(desk, job)

    await imports.stop()

    assert await state_of(desk, job) == "failed"


async def test_a_long_import_is_not_taken_for_interrupted(desk: Desk, imports: ImportDesk) -> None:
    imports.alive_every = 0.01
    job = await handed_in(desk.province)
    await until_reading(desk, job)

    for _ in range(3):
        desk.node.clock.advance(seconds=SILENT.total_seconds() - 1)
        now = desk.node.clock.now()

        async def heard_of(since: datetime = now) -> bool:
            rows = await desk.node.rows("select changed_at from import_jobs")
            return bool(rows[0]["changed_at"] >= since - timedelta(milliseconds=1))

        await until_told(heard_of)

    assert await state_of(desk, job) == "reading"
    await imports.stop()
