"""The statements of imports; rows travel as one JSON text for each batch."""

from typing import Final

from openehc.access.clash_sql import MAKER, same_maker, same_serial
from openehc.access.imports.importing import OF, Importing
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, Kind
from openehc.access.sql import ENTRY_COLUMNS

INSERT_JOB: Final = """
insert into import_jobs (job_id, register, mode, state, file_name, file_digest, actor_id,
                         institution_id, created_at, changed_at)
values ($1, $2, $3, 'waiting', $4, $5, $6, $7, $8, $8)
"""

_JOB: Final = """
select job_id, register, mode, state, file_name, actor_id, institution_id, rows_total, rows_done,
       rows_new, rows_unchanged, rows_failed, problem, problem_en,
       sealed_failed_rows is not null as has_failed_rows, created_at, changed_at
  from import_jobs
"""
_OF_REGISTER: Final = """
 where register = $1 and ($2::int is null or institution_id = $2)
   and ($3::text is null or state = $3)
"""
SELECT_JOB: Final = _JOB + " where job_id = $1"
SELECT_JOBS: Final = _JOB + _OF_REGISTER
COUNT_JOBS: Final = "select count(*) from import_jobs" + _OF_REGISTER

_UNFINISHED: Final = "state in ('waiting', 'reading', 'writing')"
JOB_ALIVE: Final = f"""
update import_jobs set changed_at = $2 where job_id = $1 and {_UNFINISHED}
"""
GIVE_UP: Final = f"""
update import_jobs set state = 'failed', problem = $3, problem_en = $4
 where {_UNFINISHED} and (job_id = $1 or changed_at < $2)
"""
"""One job and every job of which nothing was heard since then; either may be null."""

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
update import_jobs
   set state = 'done', sealed_failed_rows = $2, changed_at = $3, problem = '', problem_en = ''
 where job_id = $1
"""

FAILED_ROWS: Final = "select sealed_failed_rows from import_jobs where job_id = $1"

FORGET_JOBS: Final = "delete from import_jobs where created_at < $1"

INSTITUTIONS_BY_CODE: Final = """
select institution_id, org_code, standing, owner_type, org_category
  from institutions where org_code = any($1::text[])
"""

HELD_INSTITUTIONS: Final = INSTITUTIONS_BY_CODE + " order by institution_id for share"
"""The same, held until the transaction ends."""

_GONE: Final = "('refused', 'exited')"
"""Standings of entries that stand in nobody's way any more; institutions come back instead."""


def _existing(importing: Importing) -> str:
    kind = importing.kind
    own = ", ".join(f"r.{name}" for name in (*ENTRY_COLUMNS[kind], *_SEALED.get(kind, ())))
    asked = ", ".join(f"k.{name}" for name in importing.key)
    places = ", ".join(f"${n}::text[]" for n in range(1, len(importing.key) + 1))
    matched = " and ".join(_same(kind, name) for name in importing.key)
    living = "true" if kind is INSTITUTIONS else f"r.standing not in {_GONE}"
    return (
        f"select r.standing, array[{asked}] as key, {own}"
        f" from unnest({places}) as k ({', '.join(importing.key)})"
        f" join {kind.table} r on {matched} where {living}"
    )


def _same(kind: Kind, name: str) -> str:
    """Whether a column of the register says the same as a key of the file."""
    if name == "serial_no":
        return same_serial("r.serial_no", "k.serial_no")
    if name == MAKER.get(kind):
        return same_maker(f"r.{name}", f"k.{name}")
    return f"r.{name} = k.{name}{'::int' if name == 'institution_id' else ''}"


_SEALED: Final = {APPLICATIONS: ("app_id", "sealed_contact")}
"""The contact person, and under which name it is sealed."""

EXISTING: Final = {kind: _existing(importing) for kind, importing in OF.items()}
"""Entries that stand under these keys already."""

ONE_IMPORT: Final = "select pg_advisory_xact_lock(hashtext('import of ' || $1))"
"""Imports of a register whose key the database does not hold wait for each other."""


def insert_rows(importing: Importing) -> str:
    """Insert a batch; gives the ids of those that were not there, with their keys."""
    kind = importing.kind
    columns = ", ".join((
        *ENTRY_COLUMNS[kind], *_SEALED.get(kind, ()), *filter(None, [kind.number]), "standing",
        "revision", "created_at", "changed_at",
    ))  # fmt: skip
    keys = ", ".join(f"r.{name}::text" for name in importing.key)
    return (
        f"insert into {kind.table} as r ({columns})"
        f" select {columns} from jsonb_populate_recordset(null::{kind.table}, $1::jsonb) n"
        f"{_absent(importing) if kind is APPLICATIONS else ''}"
        f" on conflict do nothing returning r.{kind.key} as record_id, array[{keys}] as key"
    )


def _absent(importing: Importing) -> str:
    """The condition that no entry has the key, where no unique index of the database says so."""
    same = " and ".join(f"o.{name} = n.{name}" for name in importing.key)
    return (
        f" where not exists (select from {importing.kind.table} o"
        f" where {same} and o.standing not in {_GONE})"
    )


INSERT_HISTORY_ROWS: Final = """
insert into register_history (register, record_id, revision, at, act, actor_kind, actor_id, reason,
                              before, after, sealed_contact)
select $1, h.record_id, h.revision, $2, h.act, $3, $4, $5, '{}', h.after, h.sealed_contact
  from jsonb_to_recordset($6::jsonb)
    as h (record_id int, revision int, act text, after jsonb, sealed_contact bytea)
"""

TAKE_NUMBERS: Final = """
insert into number_counters (ehcin, component, owner, last) values ($1, $2, $3, $4)
on conflict (ehcin, component, owner) do update set last = number_counters.last + $4
 where number_counters.last + $4 <= 9999
returning last
"""
