"""The node's database for a command beside the node: the running one, or one of its own.

Changes no table; a database that is older or newer than the program is refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from openehc.kernel.refusal import DatabaseDown
from openehc.storage.embedded_places import EmbeddedStartFailed, Places, find_places
from openehc.storage.embedded_settings import DATABASE, ROLE
from openehc.storage.migrations import current_version
from openehc.storage.schema_guard import require_fitting_schema
from openehc.wiring.running import database_of
from openehc.wiring.settings import Settings

_PORT_LINE: Final = 3


@contextmanager
def database_beside(settings: Settings) -> Iterator[str]:
    """The DSN of the external database, of the running embedded one, or of one started for this.

    Raises EmbeddedStartFailed, SchemaUnfit, DatabaseDown.
    """
    running = None if settings.dsn else running_dsn(settings.data / "postgres")
    if running:
        require_fitting_schema(running)
        yield running
        return
    with database_of(settings) as dsn:
        require_fitting_schema(dsn)
        yield dsn


def running_dsn(data: Path) -> str | None:
    """The address of the embedded server that another program runs; None when none runs."""
    if not data.exists():
        return None
    places = find_places(data)
    try:
        lines = (places.cluster / "postmaster.pid").read_text("utf-8").splitlines()
        port = int(lines[_PORT_LINE])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    except PermissionError:
        raise EmbeddedStartFailed(
            f"{places.cluster} cannot be read: run this as the user that runs the node"
        ) from None
    dsn = _dsn(places, port=port)
    return dsn if _answers(dsn) else None


def _dsn(places: Places, *, port: int) -> str:
    folder = places.socket_dir
    if folder is None:
        secret = quote((places.home / "password").read_text("ascii").strip())
        return f"postgresql://{ROLE}:{secret}@127.0.0.1:{port}/{DATABASE}"
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(folder), safe='')}&port={port}"


def _answers(dsn: str) -> bool:
    """Whether a server is there; a killed one leaves its file behind."""
    try:
        current_version(dsn)
    except DatabaseDown:
        return False
    return True
