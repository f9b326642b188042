"""The statements of `audit/store.py` and of the source of audit records."""

from typing import Final

RECORDS: Final = "audit_records"
"""The table."""

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

OPENED_ON: Final = "(({day}::date - date '1970-01-01')::bigint << 44)"
"""The lowest number of a chain opened on a day (chain.py, `first_stream_of`)."""

# A look from chain to chain along the index: as cheap for a million records as for one.
MOVED_RECORDS: Final = f"""
with recursive streams as (
    (select stream from audit_records where stream >= {OPENED_ON.format(day="$1")}
      order by stream limit 1)
    union all
    select (select r.stream from audit_records r where r.stream > s.stream
             order by r.stream limit 1)
      from streams s where s.stream is not null
)
select s.stream, h.seq, h.hashes
  from streams s
 cross join lateral (
        select seq, array_agg(hash order by place) as hashes from audit_records
         where stream = s.stream and seq = (select max(seq) from audit_records m
                                             where m.stream = s.stream)
         group by seq) h
 where not exists (select from audit_heads k
                    where k.source = 'audit_records' and k.stream = s.stream and k.seq = h.seq)
"""

RECORDS_OF_DAY: Final = f"""
select stream, seq, place, hash, {_NAMES}
  from audit_records
 where stream >= {OPENED_ON.format(day="$1")} and stream < {OPENED_ON.format(day="($1 + 1)")}
 order by stream, seq, place
"""

HASHES_OF_RECORDS: Final = """
select hash from audit_records where stream = $1 and seq = $2 order by place
"""

SPAN_OF_RECORDS: Final = "select min(stream) as first, max(stream) as last from audit_records"
