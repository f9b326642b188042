"""The workbook of an import's failed rows, sealed at rest: it may hold contact persons (表7.1).

Bound to its job. Reads and writes no database.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.ids import Entropy


def failed_rows_row(job_id: UUID | str) -> bytes:
    """The identity under which the failed rows of a job are sealed."""
    return b"import_jobs.sealed_failed_rows:" + str(job_id).encode()


@dataclass(frozen=True, slots=True)
class FailedRows:
    """Seals and opens; `sealer` gives the sealer of the present keys.

    A workbook can have megabytes, so this is done beside the requests.
    """

    sealer: Callable[[], ProfileSealer]
    entropy: Entropy

    async def sealed(self, job_id: UUID, workbook: bytes) -> bytes:
        """The workbook as the database keeps it."""
        value = await asyncio.to_thread(
            self.sealer().seal, workbook, row=failed_rows_row(job_id), entropy=self.entropy
        )
        return value.content

    async def opened(self, job_id: UUID, sealed: bytes) -> bytes:
        """The workbook; raises SealBroken."""
        return await asyncio.to_thread(self.sealer().open, sealed, row=failed_rows_row(job_id))
