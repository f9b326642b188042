"""The statements of `audit/verify_trail.py`."""

from typing import Final

SPAN_OF_HEADS: Final = """
select min(stream) as first, max(stream) as last from audit_heads where source = $1
"""

HEADS_OF_DAY: Final = """
select h.stream, h.seq, h.digest from audit_heads h join audit_checkpoints c using (number)
 where h.source = $1 and h.stream >= (($2::date - date '1970-01-01')::bigint << 44)
   and h.stream < (($2::date + 1 - date '1970-01-01')::bigint << 44)
 order by h.stream, h.seq
"""

SIGNED_AT: Final = "select at from audit_checkpoints order by number desc limit 1"

LOOSE_HEAD: Final = """
select h.source, h.stream, h.seq from audit_heads h
 where h.number > $1
   and not exists (select from audit_checkpoints c where c.number = h.number)
 order by h.number limit 1
"""
"""By number both tables are read beside each other, in the order in which they grew."""

BEFORE: Final = "select coalesce(max(number), 0) from audit_checkpoints where at < $1"
