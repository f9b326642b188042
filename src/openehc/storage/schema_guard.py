"""A node starts only on tables that it knows.

This module changes nothing: `migrations.py` does.
"""

from pathlib import Path

from openehc.kernel.refusal import PlatformError
from openehc.storage.migrations import MIGRATIONS, current_version, newest_version, pending


class SchemaUnfit(PlatformError):
    """The database's tables do not fit this program; the message says what to do."""


def require_fitting_schema(dsn: str, *, folder: Path = MIGRATIONS) -> None:
    """Nothing when the tables are just those that this program was written for.

    Raises SchemaUnfit when they are newer (an older program must not write into
    them) or when migrations are pending; DatabaseDown.
    """
    found, known = current_version(dsn), newest_version(folder=folder)
    if found > known:
        raise SchemaUnfit(
            f"the database is at version {found:04}, this program knows only {known:04}: "
            "install the newer program, or let it undo its last migration first"
        )
    if waiting := pending(dsn, folder=folder):
        raise SchemaUnfit(f"the database lacks {', '.join(waiting)}: run the migrations first")
