"""The statements of the registers, put together from the columns of each `Kind`.

Nothing that a caller wrote enters a text: conditions and columns come from here.
"""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from openehc.access.columns import Shape, columns_of
from openehc.access.contacts import CONTACTS
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, KINDS, MODULES, TERMINALS, Kind
from openehc.access.record import Search
from openehc.access.traffic_store import LAST_SUCCESS
from openehc.storage.listing import Listing

COUNT_LIMIT: Final = 100_000
"""A list counts no further: nobody pages through more."""

ENTRY_COLUMNS: Final = {
    kind: tuple(row.name for row in fields(kind.entry) if row.name not in CONTACTS)
    for kind in KINDS
}
"""The columns that an applicant fills, by register; contact persons lie sealed beside them."""

SORTABLE: Final = {
    INSTITUTIONS: {
        "org_name": "r.org_name", "org_code": "r.org_code", "standing": "r.standing",
        "created_at": "r.created_at", "id": "r.institution_id",
    },
    APPLICATIONS: {
        "app_name": "r.app_name", "record_num": "r.ehcappid", "standing": "r.standing",
        "record_time": "r.record_time", "created_at": "r.created_at", "id": "r.application_id",
    },
    TERMINALS: {
        "term_name": "r.term_name", "term_id": "r.term_id", "standing": "r.standing",
        "created_at": "r.created_at", "id": "r.terminal_id",
    },
    MODULES: {
        "model": "r.model", "module_no": "r.module_no", "standing": "r.standing",
        "created_at": "r.created_at", "id": "r.module_id",
    },
}  # fmt: skip
"""Columns by which a list can be sorted, by their names on the wire."""

_SEARCHED: Final = {
    INSTITUTIONS: ("r.org_name", "r.org_code"),
    APPLICATIONS: ("r.app_name", "r.ehcappid"),
    TERMINALS: ("r.term_name", "r.term_id"),
    MODULES: ("r.model", "r.module_no"),
}
_DEVICE: Final = {
    APPLICATIONS: "r.app_id", TERMINALS: "r.serial_no", MODULES: "r.serial_no",
}  # fmt: skip
"""By what an entry is found as well, when the whole of it is asked for."""
FILTERED: Final = {
    kind: {
        column.name: column
        for column in columns_of(kind.entry)
        if column.shape in {Shape.TEXT, Shape.CODES} and not column.private
    }
    for kind in KINDS
}
"""Columns that a list can be narrowed by; contact persons lie sealed and cannot be."""
_CODE: Final = {
    INSTITUTIONS: "r.org_level", APPLICATIONS: "r.app_channel", TERMINALS: "r.developer",
    MODULES: "r.manufacturer",
}  # fmt: skip


_NUMBER_LIKE: Final = re.compile(r"[0-9A-Z]+", re.ASCII)


def _escaped(text: str) -> str:
    """The text as `like` takes it, with nothing in it that stands for something else."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def conditions(kind: Kind, search: Search) -> tuple[str, list[object]]:
    """The `where …` of a search and its arguments from $1 on."""
    name, number = _SEARCHED[kind]
    found = f"{name} like '%' || ${{n}} || '%'"
    if _NUMBER_LIKE.fullmatch(search.text):
        found = f"({found} or {number} like ${{n}} || '%')"
    if kind in _DEVICE:
        found = f"({found} or {_DEVICE[kind]} like ${{n}})"
    wanted = (
        (found, _escaped(search.text) or None),
        ("r.standing = ${n}", search.standing and search.standing.value),
        ("r.institution_id = ${n}", search.institution_id),
        (
            "r.institution_id = (select institution_id from institutions where org_code = ${n})",
            search.org_code or None,
        ),
        (f"{_CODE[kind]} = ${{n}}", search.code or None),
        ("r.institution_id = ${n}", search.reach),
        *_narrowed(kind, search),
    )
    arguments: list[object] = [value for _, value in wanted if value is not None]
    texts = [text for text, value in wanted if value is not None]
    numbered = [text.format(n=n) for n, text in enumerate(texts, start=1)]
    return (f" where {' and '.join(numbered)}" if numbered else ""), arguments


_WORKS: Final = """(r.standing = 'active' and r.institution_id in (
    select institution_id from institutions where standing = 'active'))"""
_USED: Final = """exists (
    select from application_traffic t where t.app_id = r.app_id and t.last_success_at >= ${n})"""
_ONLINE: Final = {
    "1": f"{_WORKS} and {_USED}",
    "2": f"{_WORKS} and not {_USED}",
    "3": f"(${{n}}::timestamptz is not null and not {_WORKS})",
}


def _narrowed(kind: Kind, search: Search) -> Iterator[tuple[str, object]]:
    """Conditions and values of single columns; names of columns come from `FILTERED` alone."""
    for name, value in search.columns.items():
        column = FILTERED[kind][name]
        listed = column.shape is Shape.CODES
        yield f"r.{name} @> array[${{n}}::text]" if listed else f"r.{name} = ${{n}}", value
    yield f"r.{kind.dated} >= ${{n}}", search.since
    yield f"r.{kind.dated} <= ${{n}}", search.until
    if search.online:
        yield _ONLINE[search.online], search.online_since
    if search.report_due is not None:
        yield "(r.report_due_since is not null) = ${n}", search.report_due


def is_rare(kind: Kind, search: Search) -> bool:
    """Whether few rows match, so that looking at all of them once is the quickest."""
    free = [name for name in search.columns if not FILTERED[kind][name].dictionary]
    return bool(search.text or free)


_COMPUTED: Final = {
    "grants": "(select coalesce(array_agg(g.method order by g.method), '{}')"
              " from application_grants g where g.app_id = r.app_id) as grants",
    "last_success_at": f"{LAST_SUCCESS.format(app_id='r.app_id')} as last_success_at",
    "has_secret": "r.sealed_secret is not null as has_secret",
}  # fmt: skip
"""What is shown beside the columns of a register."""


def _shown(kind: Kind) -> str:
    number = f"r.{kind.number}" if kind.number else "null::text"
    entered = [
        _COMPUTED.get(name, f"r.{name}")
        for name in dict.fromkeys((*ENTRY_COLUMNS[kind], *kind.more))
    ]
    sealed = ["r.sealed_contact"] if kind is APPLICATIONS else []
    return ", ".join([
        f"r.{kind.key} as record_id", "r.standing", "r.revision", f"{number} as number",
        "r.created_at", "r.changed_at", "r.institution_id as of_institution",
        "i.org_code as of_code", "i.org_name as of_name", "i.standing as of_standing", *sealed,
        *entered,
    ])  # fmt: skip


def page_statement(kind: Kind, where: str, clause: str) -> str:
    """One page: the keys first, so that what is skipped is never joined."""
    return (
        f"with chosen as materialized (select row_number() over () as place, key from"
        f" (select r.{kind.key} as key from {kind.table} r{where}{clause}) ordered)"
        f" select {_shown(kind)} from chosen c join {kind.table} r on r.{kind.key} = c.key"
        f" left join institutions i on i.institution_id = r.institution_id order by c.place"
    )


def searched_statement(kind: Kind, where: str, listing: Listing) -> str:
    """One page of a search by text: what matches is looked for once, and counted on the way.

    The count comes with every row; without any, in one row of nulls.
    """
    first, last = listing.offset, listing.offset + listing.limit
    order = f"{listing.order} {listing.direction}, r.{kind.key} {listing.direction}"
    return (
        f"with matched as materialized (select r.{kind.key} as key, row_number()"
        f" over (order by {order}) as place from {kind.table} r{where}),"
        f" total as (select least(count(*), {COUNT_LIMIT}) as total from matched)"
        f" select t.total, {_shown(kind)} from total t"
        f" left join matched c on c.place > {first:d} and c.place <= {last:d}"
        f" left join {kind.table} r on r.{kind.key} = c.key"
        f" left join institutions i on i.institution_id = r.institution_id order by c.place"
    )


def count_statement(kind: Kind, where: str) -> str:
    """How many rows match, up to `COUNT_LIMIT`."""
    return f"select count(*) from (select from {kind.table} r{where} limit {COUNT_LIMIT}) counted"


def _one(kind: Kind) -> str:
    return (
        f"select {_shown(kind)} from {kind.table} r"
        f" left join institutions i on i.institution_id = r.institution_id"
        f" where r.{kind.key} = $1"
    )


SELECT_ONE: Final = {kind: _one(kind) for kind in KINDS}
LOCK_ONE: Final = {kind: f"{_one(kind)} for no key update of r" for kind in KINDS}
LOCK_OWNER: Final = {
    kind: (
        "select from institutions where institution_id ="
        f" (select institution_id from {kind.table} where {kind.key} = $1) for share"
    )
    for kind in KINDS
}
LOCK_INSTITUTION: Final = """
select standing, owner_type, org_category from institutions where institution_id = $1 for share
"""

APP_ID_OF_NUMBER: Final = "select app_id from applications where ehcappid = $1"

INSTITUTION_BY_CODE: Final = "select institution_id from institutions where org_code = $1"


def insert_statement(kind: Kind, columns: tuple[str, ...]) -> str:
    """Insert one entry; nothing comes back when a unique key is taken."""
    values = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    return (
        f"insert into {kind.table} ({', '.join(columns)}) values ({values})"
        f" on conflict do nothing returning {kind.key}"
    )


def update_statement(kind: Kind, columns: tuple[str, ...]) -> str:
    """Write these columns of one entry; its key is $1."""
    written = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, start=2))
    return f"update {kind.table} set {written} where {kind.key} = $1"


def describe_statement(kind: Kind, columns: tuple[str, ...]) -> str:
    """Write these columns of the entry with this number, $1, while it has its first revision."""
    written = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, start=2))
    dated = f", {kind.dated} = coalesce({kind.dated}, created_at::date)"
    more = "" if kind.dated in columns else dated
    return (
        f"update {kind.table} set {written}{more}"
        f" where {kind.number or 'org_code'} = $1 and revision = 1"
    )


NEXT_NUMBER: Final = """
insert into number_counters (ehcin, component, owner, last) values ($1, $2, $3, 1)
on conflict (ehcin, component, owner) do update set last = number_counters.last + 1
 where number_counters.last < 9999
returning last
"""

NUMBER_IN_USE: Final = """
insert into number_counters (ehcin, component, owner, last) values ($1, $2, $3, $4)
on conflict (ehcin, component, owner) do update
   set last = greatest(number_counters.last, excluded.last)
"""

INSERT_HISTORY: Final = """
insert into register_history (register, record_id, revision, at, act, actor_kind, actor_id, reason,
                              before, after, sealed_contact)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10::jsonb, $11)
"""

SELECT_HISTORY: Final = """
select revision, at, act, actor_kind, actor_id, reason, before, after, sealed_contact
  from register_history where register = $1 and record_id = $2
 order by revision desc limit 500
"""

STANDING_BEFORE: Final = """
select before ->> 'standing' from register_history
 where register = $1 and record_id = $2 and act = $3
 order by revision desc limit 1
"""

ENTER_EHCIN: Final = """
insert into node_identity (ehcin) values ($1) on conflict do nothing
"""

ENTERED_EHCIN: Final = "select ehcin from node_identity"

SEALED_NOW: Final = """
select sealed_secret from applications where application_id = $1
"""

DELETE_GRANTS: Final = """
delete from application_grants where app_id = $1 and not method = any($2::text[])
"""

INSERT_GRANTS: Final = """
insert into application_grants (app_id, method) select $1, unnest($2::text[])
on conflict do nothing
"""

# ---------------------------------------------------------------- what workers hold in memory

_LOADED: Final = {
    "institutions": (
        "select institution_id, org_code, org_name, standing from institutions",
        "institution_id",
        "",
    ),
    "applications": (
        (
            "select a.application_id, a.app_id, a.sealed_secret, a.sealed_previous,"
            " a.previous_until,"
            " a.institution_id, a.app_name, a.app_channel, a.ehcappid, a.wire_profile, a.standing,"
            " a.rate_limit, a.daily_quota, a.allowed_networks,"
            " a.client_certificates, a.certificate_needed,"
            " coalesce(array_agg(g.method) filter (where g.method is not null), '{}') as grants"
            " from applications a left join application_grants g using (app_id)"
            " where a.ehcappid is not null"
        ),
        "a.application_id",
        " group by a.app_id",
    ),
    "terminals": (
        (
            "select terminal_id, term_id, institution_id, term_name, standing from terminals"
            " where term_id is not null"
        ),
        "terminal_id",
        "",
    ),
}
LOAD_INSTITUTIONS: Final = _LOADED["institutions"][0]
LOAD_APPLICATIONS: Final = "".join(_LOADED["applications"][::2])
LOAD_TERMINALS: Final = _LOADED["terminals"][0]
LOAD_SOME: Final = {
    table: f"{text} {'and' if ' where ' in text else 'where'} {key} = any($1::int[]){group}"
    for table, (text, key, group) in _LOADED.items()
}
"""The same rows, only those with these keys."""

# ---------------------------------------------------------------- registered by a program

SAVE_INSTITUTION: Final = """
insert into institutions (org_code, org_name) values ($1, $2)
on conflict (org_code) do update set org_name = excluded.org_name
returning institution_id
"""

SAVE_APPLICATION: Final = """
insert into applications (app_id, institution_id, app_name, app_channel, ehcappid, sealed_secret,
                          wire_profile)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (app_id) do update
   set institution_id = excluded.institution_id, app_name = excluded.app_name,
       app_channel = excluded.app_channel, ehcappid = excluded.ehcappid,
       sealed_secret = excluded.sealed_secret, wire_profile = excluded.wire_profile,
       sealed_previous = null, previous_until = null
"""

SAVE_TERMINAL: Final = """
insert into terminals (term_id, institution_id, term_name) values ($1, $2, $3)
on conflict (term_id) do update
   set institution_id = excluded.institution_id, term_name = excluded.term_name
"""
