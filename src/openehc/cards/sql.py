"""The statements of `cards/store.py`.

The batched ones answer with `ord`, the position of the row in the batch. Those that
save a fact take all rows as one JSON text (storage/rows.py). A row whose serial number
is null needs no claim.
"""

from collections.abc import Mapping
from typing import Final

from openehc.cards.usage import FACT_COLUMNS, FACT_NAMES
from openehc.storage.rows import given_rows

ACCOUNT_COLUMNS: Final = """c.ehcid, c.state, c.sealed_profile,
       c.blacklisted_at is not null as blacklisted, c.revision, c.merged_into"""

ACCOUNT_BY_DOCUMENT: Final = f"""
select q.ord, {ACCOUNT_COLUMNS}
  from unnest($1::bytea[]) with ordinality as q (document_index, ord)
  cross join lateral (
      select ehcid from card_documents d where d.document_index = q.document_index offset 0
  ) d
  cross join lateral (select * from cards c where c.ehcid = d.ehcid offset 0) c
"""

ACCOUNT_BY_EHCID: Final = f"""
select q.ord, {ACCOUNT_COLUMNS}
  from unnest($1::bytea[]) with ordinality as q (ehcid, ord)
  cross join lateral (select * from cards c where c.ehcid = q.ehcid offset 0) c
"""

USE_COLUMNS: Final = {**FACT_COLUMNS, "serial": "text", "serial_lead": "bigint"}
"""A fact and the serial number, in hex and by what leads it, under which it is saved."""


def given(columns: Mapping[str, str]) -> str:
    """The first step of a statement that saves facts: its rows, and whose number is free.

    `columns` begin with `USE_COLUMNS`. A number is locked by its first 64 bits.
    """
    return f"""
given as materialized (
    select g.*, (at at time zone interval '08:00')::date as day, serial::uuid as number,
           serial is null
           or pg_try_advisory_xact_lock(('x' || left(serial, 16))::bit(64)::bigint) as free
      from ({given_rows(columns)}) g
)"""


CHAINED_NAMES: Final = f"{FACT_NAMES}, stream, seq, place, hash"
CHAINED_VALUES: Final = f"""{FACT_NAMES}, $2::bigint, $3::int, ord::smallint,
           substring($4::bytea from ord::int * 32 - 31 for 32)"""
"""A fact with its place in a chain (cards/usage_chain_store.py): each hash has 32 bytes."""

CLAIM: Final = """
claimed as (
    insert into used_serials (lead, serial)
    select serial_lead, number from given
     where free and number is not null
       and not exists (select from serial_numbers f where f.serial = given.number offset 0)
     order by serial_lead, number
    on conflict do nothing
    returning serial
), ready as (
    select g.*, g.number is null or c.serial is not null as claimed
      from given g left join claimed c on c.serial = g.number
)"""
"""The steps that use serial numbers up, after `given`; `serial_numbers` holds what was used before
migration 0019."""

NEW_COLUMNS: Final = {
    **USE_COLUMNS, "app_id": "text", "term_id": "text", "state": "text",
    "sealed_profile": "bytea", "phone_index": "bytea", "name_index": "bytea", "origin": "text",
    "apply_method": "text", "document_index": "bytea", "change": "text",
    "platform_serial": "text", "external_serial": "text", "certificate_mode": "text",
}  # fmt: skip
"""A new account, its history and its fact."""

REGISTER: Final = f"""
with {given(NEW_COLUMNS)}, {CLAIM}, documented as (
    insert into card_documents (document_index, ehcid)
    select distinct on (document_index) document_index, ehcid
      from ready
     where claimed and not exists (select from cards c where c.ehcid = ready.ehcid offset 0)
     order by document_index, ord
    on conflict do nothing
    returning document_index
), opened as (
    select distinct on (document_index) r.*
      from ready r join documented d using (document_index)
     where r.claimed order by document_index, ord
), carded as (
    insert into cards (ehcid, state, sealed_profile, phone_index, name_index, origin,
                       institution_id, app_id, apply_method, certificate_mode, registered_at,
                       activated_at)
    select ehcid, state, sealed_profile, phone_index, name_index, origin,
           institution_id, app_id, apply_method, certificate_mode, at,
           case when state = 'active' then at end
      from opened
), told as (
    insert into card_history (ehcid, revision, change, changed_at, app_id, term_id,
                              platform_serial, external_serial)
    select ehcid, 1, change, at, app_id, term_id, platform_serial, external_serial from opened
), counted as (
    insert into usage_facts ({CHAINED_NAMES})
    select {CHAINED_VALUES} from opened
)
select r.ord, r.free, r.claimed, o.ord is not null as done
  from ready r left join opened o using (ord)
"""
"""`offset 0` keeps the question a question: as a join it reads the index of all cards."""

RECORD_USE: Final = f"""
with {given(USE_COLUMNS)}, {CLAIM}, counted as (
    insert into usage_facts ({CHAINED_NAMES})
    select {CHAINED_VALUES} from ready where claimed
)
select ord, free, claimed, claimed as done from ready
"""

UPDATE_ACCOUNT: Final = """
update cards
   set state = $3, sealed_profile = $5, phone_index = $6,
       revision = revision + 1,
       activated_at = case when $8 in ('activated', 'reopened') then $7 else activated_at end,
       closed_at = case when $3 = 'closed' then $7 end,
       blacklisted_at = case when $4::timestamptz is not null
                             then coalesce(blacklisted_at, $4) end,
       blacklist_reason = case when $4::timestamptz is not null
                               then coalesce(blacklist_reason, $9) end,
       merged_into = $10
 where ehcid = $1 and revision = $2
returning revision
"""

INSERT_HISTORY: Final = """
insert into card_history (ehcid, revision, change, changed_at, app_id, term_id, platform_serial,
                          external_serial, changed_fields, sealed_before)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

KNOWN_WAY: Final = """
insert into usage_ways (app_id, term_id, app_channel, medium) values ($1, $2, $3, $4)
on conflict (app_id, term_id, app_channel, medium) do update set medium = excluded.medium
returning way_id
"""
"""The update changes nothing: it makes the row of another transaction visible."""

RELEASE_DOCUMENT: Final = """
delete from card_documents d using cards c
 where d.document_index = $1 and d.ehcid = $2 and c.ehcid = d.ehcid and c.state = 'closed'
"""

DELETE_LINKS: Final = """
delete from card_links where ehcid = $1 and not card_index = any($2::bytea[])
"""

INSERT_LINKS: Final = """
insert into card_links (ehcid, card_index, bound_at) select $1, unnest($2::bytea[]), $3
on conflict do nothing
"""

UPSERT_PHOTO: Final = """
insert into card_photos (ehcid, sealed_photo, changed_at) values ($1, $2, $3)
on conflict (ehcid) do update
   set sealed_photo = excluded.sealed_photo, changed_at = excluded.changed_at
"""

INSERT_DOCUMENT: Final = """
insert into card_documents (document_index, ehcid) values ($1, $2)
on conflict do nothing
"""

PHOTO_BY_EHCID: Final = "select sealed_photo from card_photos where ehcid = $1"
