"""The statements of `audit/record_store.py`; braces stand for text of the program, never values."""

from typing import Final

FOUND: Final = """
select at, category, action, actor_kind, actor_id, address, institution_id, object_kind,
       object_ref, result, reason, before, after, stream, seq, place, hash
  from audit_records"""

TOTAL: Final = "select count(*) from (select 1 from audit_records{where} limit {most}) counted"

COUNTED: Final = """
select {keys}, count(*) as records
  from audit_records{where}
 group by {groups}
 order by records desc, {groups}
 limit {most}"""
