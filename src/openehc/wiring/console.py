"""The console API of one worker: its use cases, built and handed to the routers."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from starlette.datastructures import State
from starlette.types import Receive, Scope, Send

from openehc.access.registry import Registry
from openehc.audit.trail import AuditTrail
from openehc.cards.store import CardStore
from openehc.codes.store import CodeStore
from openehc.console.api.access_desk import AccessDesk
from openehc.console.api.application import build_api
from openehc.console.api.audit_routes import AuditUse
from openehc.console.api.guards import COOKIE, SECURE_COOKIE
from openehc.console.api.people import people_routers
from openehc.console.api.residents import ResidentDesk
from openehc.console.api.usage_routes import UsageUse
from openehc.crypto.keyfile import KeyPurpose
from openehc.crypto.module.port import CryptoModule
from openehc.kernel.clock import Clock
from openehc.kernel.ids import Entropy
from openehc.people.approval_kinds import ApprovalKinds
from openehc.people.record_denial import RecordDenial
from openehc.people.use_cases import People
from openehc.storage.pool import Database
from openehc.wiring.access_desk import access_routers, build_access_desk, exit_kinds
from openehc.wiring.audit_key import MARKS_FOLDER
from openehc.wiring.console_audit import audit_routers, audit_use, usage_use
from openehc.wiring.people import PeopleParts, build_people
from openehc.wiring.public_lists import PublicLists
from openehc.wiring.residents import merge_kinds, resident_desk, resident_routers
from openehc.wiring.rotation_worker import KeyRing
from openehc.wiring.settings import Settings
from openehc.wiring.trust_folder import TrustFolder


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
    local: Mapping[str, bytes]
    trust: TrustFolder
    public: PublicLists


class Console:
    """The console of one worker as an ASGI application.

    Describing a hundred routes takes a second, so the API is made when it is first asked
    for: by a worker at its start, by a program that needs no API never.
    """

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts
        self.desk = build_access_desk(
            parts.settings, parts.database, parts.trail, sealer=parts.keys.sealer,
            clock=parts.clock, entropy=parts.entropy,
        )  # fmt: skip

    @cached_property
    def api(self) -> FastAPI:
        """The application with every router."""
        return build_console(self._parts, self.desk)

    @property
    def state(self) -> State:
        """What the routes find beside their use cases."""
        return self.api.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request.

        What was not expected is answered with 500 and logged by its place inside; passed on,
        the server would log its text as well, which may quote a person.
        """
        with suppress(Exception):
            await self.api(scope, receive, send)


@dataclass(frozen=True, slots=True)
class ConsoleUse:
    """What the routes for people who signed in, or are about to, call."""

    people: People
    residents: ResidentDesk
    audit: AuditUse
    usage: UsageUse
    access: AccessDesk


def console_routers(use: ConsoleUse) -> list[APIRouter]:
    """Every router over these use cases, in the order of the documentation."""
    return [
        *people_routers(use.people), *resident_routers(use.residents),
        *audit_routers(use.audit, use.usage), *access_routers(use.access),
    ]  # fmt: skip


def build_console(
    parts: ConsoleParts,
    desk: AccessDesk,
    *,
    describe: Callable[[ConsoleUse], Iterable[APIRouter]] = console_routers,
) -> FastAPI:
    """The application with every router; `describe` makes those for people."""
    residents = resident_desk(parts)
    kinds = ApprovalKinds((*merge_kinds(residents), *exit_kinds(desk)))
    people = build_people(people_parts(parts), approval_kinds=kinds)
    use = ConsoleUse(
        people=people, residents=residents, access=desk,
        audit=audit_use(
            parts.database, parts.trail, parts.clock, parts.local,
            parts.settings.data / MARKS_FOLDER,
        ),
        usage=usage_use(parts.database, parts.trail, parts.clock),
    )  # fmt: skip
    app = build_api(sessions=people.sessions, routers=[*describe(use), *parts.public.routers()])
    app.state.approval_kinds = people.approval_kinds
    app.state.record_denial = RecordDenial(parts.trail, parts.clock)
    app.state.proxies = parts.settings.proxies
    app.state.cookie = COOKIE if plain_on_this_machine(parts.settings) else SECURE_COOKIE
    return app


def people_parts(parts: ConsoleParts) -> PeopleParts:
    """What people are built from."""
    return PeopleParts(
        settings=parts.settings, database=parts.database, clock=parts.clock,
        entropy=parts.entropy, keys=parts.keys, trail=parts.trail, trust=parts.trust,
    )  # fmt: skip


def plain_on_this_machine(settings: Settings) -> bool:
    """Whether this is a demo that browsers reach without TLS, on their own machine."""
    url = urlsplit(settings.base_url)
    here = url.hostname in {"127.0.0.1", "localhost", "::1"}
    return settings.mode is KeyPurpose.DEMO and url.scheme == "http" and here
