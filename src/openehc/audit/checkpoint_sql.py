"""The statements of `audit/checkpoint_store.py`."""

from typing import Final

TAKE_LOCK: Final = "select pg_advisory_xact_lock($1)"

PLAN_FOR_THESE_DAYS: Final = "set local plan_cache_mode = force_custom_plan"
"""A plan for any days would open every day of a table that is cut by day."""

LAST: Final = "select number, hash, at from audit_checkpoints order by number desc limit 1"

HEAD_FROM: Final = """
select number, source, stream, seq, digest from audit_heads
 where source = $1 and stream = $2 and seq >= $3
 order by seq limit 1
"""

INSERT_CHECKPOINT: Final = """
insert into audit_checkpoints (number, at, before, hash, public_key, signature)
values ($1, $2, $3, $4, $5, $6)
"""

INSERT_HEADS: Final = """
insert into audit_heads (number, source, stream, seq, digest)
select $1, * from unnest($2::text[], $3::bigint[], $4::int[], $5::bytea[])
"""

CHECKPOINTS_AFTER: Final = """
select o.origin, c.number, c.at, c.before, c.hash, c.public_key, c.signature,
       coalesce(h.sources, '{}') as sources, coalesce(h.streams, '{}') as streams,
       coalesce(h.seqs, '{}') as seqs, coalesce(h.digests, '{}') as digests
  from audit_checkpoints c cross join audit_origin o
  left join lateral (
        select array_agg(source order by source, stream, seq) as sources,
               array_agg(stream order by source, stream, seq) as streams,
               array_agg(seq order by source, stream, seq) as seqs,
               array_agg(digest order by source, stream, seq) as digests
          from audit_heads where number = c.number) h on true
 where c.number > $1
 order by c.number
 limit $2
"""
