"""The use cases of people, built for one worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from openehc.audit.trail import AuditTrail
from openehc.crypto.keyfile import KeyPurpose
from openehc.kernel.clock import Clock
from openehc.kernel.ids import Entropy
from openehc.people.admit_try import AdmitTry
from openehc.people.captcha import Captchas
from openehc.people.end_session import EndSession
from openehc.people.live_sessions import LiveSessions
from openehc.people.open_session import OpenSession
from openehc.people.passwords import PasswordVault
from openehc.people.ports import Sealing
from openehc.people.session_store import SessionStore
from openehc.people.sign_in import SignIn
from openehc.people.use_cases import People
from openehc.people.user_store import UserStore
from openehc.storage.pool import Database
from openehc.wiring.rotation_worker import KeyRing
from openehc.wiring.settings import Settings


def build_people(
    settings: Settings, database: Database, keys: KeyRing, *,
    trail: AuditTrail, clock: Clock, entropy: Entropy,
) -> People:  # fmt: skip
    """The use cases."""
    users = UserStore(database, keys.sealer, entropy)
    sessions = SessionStore(database)
    captchas = Captchas(sessions, lambda text: keys.indexer.card("captcha", text), entropy)
    vault = PasswordVault()
    sealing = turns_of(keys)
    open_session = OpenSession(users, sessions, trail, entropy, sealing)
    return People(
        clock=clock,
        sessions=LiveSessions(sessions, trail, clock, real=settings.mode is not KeyPurpose.DEMO),
        sign_in=SignIn(
            users, sessions, vault, AdmitTry(sessions, captchas), open_session, trail
        ),
        end_session=EndSession(sessions, trail),
        captchas=captchas,
    )  # fmt: skip


def turns_of(keys: KeyRing) -> Sealing:
    """Turns in which a rotation of the keys waits for what is being sealed."""

    @asynccontextmanager
    async def turn() -> AsyncIterator[None]:
        await keys.freshen()
        entered = keys.gate.enter()
        try:
            yield
        finally:
            keys.gate.leave(entered)

    return turn
