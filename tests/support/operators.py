"""An operator's use cases over the database of a node that runs as processes. Judges nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from openehc.audit.trail import AuditTrail
from openehc.console.api.access_desk import AccessDesk
from openehc.crypto.keyfile import KeyPurpose, open_key_file
from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.clock import SystemClock
from openehc.kernel.ids import SystemEntropy
from openehc.storage.pool import Database
from openehc.wiring.access_desk import build_access_desk
from openehc.wiring.demo import EHCIN
from openehc.wiring.settings import Settings


@asynccontextmanager
async def desk_over(data: Path, dsn: str) -> AsyncIterator[AccessDesk]:
    """The use cases of access management in this process, with the keys of the demo in `data`."""
    database = await Database.connect(dsn, size=2, name="operator")
    passphrase = (data / "passphrase").read_text("utf-8").strip()
    keys = open_key_file(data / "keys.json", passphrase)
    yield build_access_desk(
        Settings(data=data, ehcin=EHCIN, mode=KeyPurpose.DEMO), database,
        AuditTrail(database, SystemEntropy()),
        sealer=ProfileSealer(keys.sealing, current=keys.sealing_current), clock=SystemClock(),
        entropy=SystemEntropy(),
    )  # fmt: skip
    await database.close()
