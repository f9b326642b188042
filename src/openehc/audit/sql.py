"""The statements of `audit/store.py`."""

from typing import Final

RECORD_COLUMNS: Final = (
    "at", "category", "action", "actor_kind", "actor_id", "address", "institution_id",
    "object_kind", "object_ref", "result", "reason", "before", "after",
)  # fmt: skip
"""What a record says, in the order in which its hash covers it."""

INSERT_RECORD: Final = f"""
insert into audit_records (stream, seq, hash, {", ".join(RECORD_COLUMNS)})
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
