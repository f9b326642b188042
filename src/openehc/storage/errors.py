"""What the database did wrong, told without a word of anybody's data.

PostgreSQL and its driver print parameters and rows in their messages (`DETAIL`,
"invalid input for query argument"). Nothing of that leaves this package: a failure
carries the SQLSTATE and the name of the constraint. This module decides nothing
about trying again; the batches do.

    DatabaseDown
    ├── NeverSent           nothing was sent: the server cannot be reached
    ├── OutcomeUnknown      the connection was lost while a statement ran
    └── QueueFull           too much waits already; nothing was sent
    DatabaseFault
    └── StatementRefused    .sqlstate, .constraint
        └── UniqueViolation
"""

import asyncio
import re
from typing import Final

import asyncpg

from openehc.kernel.refusal import DatabaseDown, DatabaseFault, PlatformError

CLIENT_DATA_ERROR: Final = "22000"
"""SQLSTATE data_exception, also for a value that the driver refuses to encode."""

_UNIQUE_VIOLATION: Final = "23505"

# The server goes away, is not there yet, has no room, or is a standby after a
# failover (25006): it heals without us, and no statement of ours is at fault.
_DOWN_STATES: Final = frozenset({"57P01", "57P02", "57P03", "57P05", "53300", "25006"})
_CONNECTION_CLASS: Final = "08"
_GONE: Final = re.compile("clos|released")

TROUBLE: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
)
"""Everything that the driver raises when a statement or a connection fails."""


class NeverSent(DatabaseDown):
    """The server could not be reached, so the statement was not sent."""


class OutcomeUnknown(DatabaseDown):
    """The connection was lost while a statement ran: it may or may not have been done."""


class QueueFull(DatabaseDown):
    """More waits for the database than may wait; the statement was not sent."""


class StatementRefused(DatabaseFault):
    """The server refused a statement and changed nothing."""

    def __init__(self, sqlstate: str, constraint: str = "") -> None:
        super().__init__(sqlstate, constraint)
        self.sqlstate: Final = sqlstate
        self.constraint: Final = constraint

    def __str__(self) -> str:
        named = f" (constraint {self.constraint})" if self.constraint else ""
        return f"SQLSTATE {self.sqlstate}{named}"


class UniqueViolation(StatementRefused):
    """A unique key is taken; `.constraint` names it."""


def translated(error: BaseException) -> PlatformError:
    """`error` of the driver in the platform's language, without its text.

    Raise the result outside the `except` block, or the original, with its
    parameters, travels along as the context.
    """
    if isinstance(error, PlatformError):
        return error
    if isinstance(error, asyncpg.PostgresError):
        return _from_sqlstate(error)
    if isinstance(error, asyncpg.InterfaceError) and not _GONE.search(str(error)):
        # The driver found the number of arguments wrong before it sent anything; its other
        # interface errors say that the connection is closed, closing or released.
        return StatementRefused(CLIENT_DATA_ERROR)
    if isinstance(error, TimeoutError):
        return OutcomeUnknown("no answer in time")
    return OutcomeUnknown(f"connection lost ({type(error).__name__})")


def _from_sqlstate(error: asyncpg.PostgresError) -> PlatformError:
    state = str(error.sqlstate or "XX000")
    if state in _DOWN_STATES or state.startswith(_CONNECTION_CLASS):
        return OutcomeUnknown(f"SQLSTATE {state}")
    constraint = str(getattr(error, "constraint_name", None) or "")
    if state == _UNIQUE_VIOLATION:
        return UniqueViolation(state, constraint)
    return StatementRefused(state, constraint)


def never_sent(error: BaseException) -> NeverSent:
    """`error` of an attempt to connect: nothing was sent."""
    state = getattr(error, "sqlstate", None)
    return NeverSent(f"cannot connect ({state or type(error).__name__})")
