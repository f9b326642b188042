"""The statements of `audit/store.py`."""

from typing import Final

RECORD_COLUMNS: Final = (
    "at", "category", "action", "actor_kind", "actor_id", "address", "institution_id",
    "object_kind", "object_ref", "result", "reason", "before", "after",
)  # fmt: skip
"""What a record says, in the order in which its hash covers it."""

_NAMES: Final = ", ".join(RECORD_COLUMNS)

INSERT_RECORDS: Final = f"""
insert into audit_records (stream, seq, place, hash, {_NAMES})
select $14::bigint, $15::int, r.place, r.hash, {_NAMES}
  from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
              $7::int[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
              $13::text[], $16::bytea[])
       with ordinality as r ({_NAMES}, hash, place)
"""
