"""The record of a look at several residents at once: one of the question, one of each resident.

So that whoever asks who looked at a resident finds every look by the resident alone.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from openehc.audit.model import RESIDENT_OBJECT, AuditEvent, resident_ref
from openehc.audit.trail import AuditTrail
from openehc.cards.model import CardAccount


async def record_sights(
    trail: AuditTrail, question: AuditEvent, shown: Sequence[CardAccount]
) -> None:
    """Durable when it returns; raises DatabaseDown, and then nothing may be shown."""
    seen = {**(question.after or {}), "shown": len(shown)}
    events = [
        replace(
            question, object_kind=RESIDENT_OBJECT, object_ref=resident_ref(account.ehcid),
            after=seen,
        )
        for account in shown
    ]  # fmt: skip
    await asyncio.gather(*[trail.record(event) for event in events or [question]])
