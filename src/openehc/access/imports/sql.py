"""The statements of imports; rows travel as one JSON text for each batch."""

from typing import Final

from openehc.access.kinds import INSTITUTIONS, TERMINALS, Kind
from openehc.access.sql import ENTRY_COLUMNS

INSERT_JOB: Final = """
insert into import_jobs (job_id, register, mode, state, file_name, file_digest, actor_id,
                         institution_id, created_at, changed_at)
values ($1, $2, $3, 'waiting', $4, $5, $6, $7, $8, $8)
"""

SELECT_JOB: Final = """
select job_id, register, mode, state, file_name, actor_id, institution_id, rows_total, rows_done,
       rows_new, rows_unchanged, rows_failed, problem, problem_en,
       failed_rows is not null as has_failed_rows, created_at, changed_at
  from import_jobs where job_id = $1
"""

JOB_STATE: Final = """
update import_jobs
   set state = $2, rows_total = $3, problem = $4, problem_en = $5, changed_at = $6
 where job_id = $1
"""

JOB_PROGRESS: Final = """
update import_jobs
   set rows_done = rows_done + $2 + $3 + $4, rows_new = rows_new + $2,
       rows_unchanged = rows_unchanged + $3, rows_failed = rows_failed + $4, changed_at = $5
 where job_id = $1
"""

JOB_DONE: Final = """
update import_jobs set state = 'done', failed_rows = $2, changed_at = $3 where job_id = $1
"""

FAILED_ROWS: Final = "select failed_rows from import_jobs where job_id = $1"

FORGET_JOBS: Final = "delete from import_jobs where created_at < $1"

INSTITUTIONS_BY_CODE: Final = """
select institution_id, org_code, standing, owner_type, org_category
  from institutions where org_code = any($1::text[])
"""


def _columns(kind: Kind) -> str:
    return ", ".join(f"r.{name}" for name in ENTRY_COLUMNS[kind])


EXISTING: Final = {
    INSTITUTIONS: (
        f"select r.standing, {_columns(INSTITUTIONS)} from institutions r"
        " where r.org_code = any($1::text[])"
    ),
    TERMINALS: (
        f"select r.standing, {_columns(TERMINALS)} from terminals r"
        " join unnest($1::text[], $2::text[]) as k (developer, serial_no)"
        " on r.developer = k.developer and r.serial_no = k.serial_no"
        " where r.standing not in ('refused', 'exited')"
    ),
}  # fmt: skip
"""Entries that stand under the keys of these rows already."""


def insert_rows(kind: Kind) -> str:
    """Insert a batch; gives the ids of those that were not there, with their keys."""
    keys = "r.org_code" if kind is INSTITUTIONS else "r.developer, r.serial_no"
    number = f", {kind.number}" if kind.number else ""
    columns = (
        f"{', '.join(ENTRY_COLUMNS[kind])}{number}, standing, revision, created_at, changed_at"
    )
    return (
        f"insert into {kind.table} as r ({columns})"
        f" select {columns} from jsonb_populate_recordset(null::{kind.table}, $1::jsonb)"
        f" on conflict do nothing returning r.{kind.key} as record_id, {keys}"
    )


INSERT_HISTORY_ROWS: Final = """
insert into register_history (register, record_id, revision, at, act, actor_kind, actor_id, reason,
                              before, after)
select $1, h.record_id, h.revision, $2, h.act, $3, $4, $5, '{}', h.after
  from jsonb_to_recordset($6::jsonb)
    as h (record_id int, revision int, act text, after jsonb)
"""

TAKE_NUMBERS: Final = """
insert into number_counters (ehcin, component, owner, last) values ($1, $2, $3, $4)
on conflict (ehcin, component, owner) do update set last = number_counters.last + $4
 where number_counters.last + $4 <= 9999
returning last
"""
