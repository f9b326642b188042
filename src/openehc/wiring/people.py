"""The use cases of people, built for one worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from openehc.audit.trail import AuditTrail
from openehc.crypto.keyfile import KeyPurpose
from openehc.kernel.clock import Clock
from openehc.kernel.ids import Entropy
from openehc.people.admit_try import AdmitTry
from openehc.people.approval_kinds import ApprovalKinds
from openehc.people.approval_store import ApprovalStore
from openehc.people.approvals import Approvals
from openehc.people.assign_roles import AssignRoles
from openehc.people.bind_certificate import BindCertificate
from openehc.people.captcha import Captchas
from openehc.people.change_password import ChangePassword
from openehc.people.change_policy import ChangePolicy
from openehc.people.change_user import ChangeUser
from openehc.people.end_session import EndSession
from openehc.people.enrol_totp import EnrolTotp
from openehc.people.find_sessions import FindSessions
from openehc.people.find_users import FindUsers
from openehc.people.live_sessions import LiveSessions
from openehc.people.make_user import MakeUser
from openehc.people.open_session import OpenSession
from openehc.people.passwords import PasswordVault
from openehc.people.ports import Sealing, Trust
from openehc.people.prove_again import ProveAgain
from openehc.people.reset_user import ResetUser
from openehc.people.session_store import SessionStore
from openehc.people.sign_in import SignIn
from openehc.people.sign_in_behind_gateway import SignInBehindGateway
from openehc.people.sign_in_with_certificate import (
    CheckCertificate,
    OfferChallenge,
    SignInWithCertificate,
)
from openehc.people.use_cases import OwnAccount, People, SignInWays, UserActs
from openehc.people.use_code import UseCode
from openehc.people.user_store import UserStore
from openehc.storage.pool import Database
from openehc.wiring.gateway_key import read_gateway_key
from openehc.wiring.rotation_worker import KeyRing
from openehc.wiring.settings import Settings


@dataclass(frozen=True, slots=True)
class PeopleParts:
    """What people are built from."""

    settings: Settings
    database: Database
    clock: Clock
    entropy: Entropy
    keys: KeyRing
    trail: AuditTrail
    trust: Trust


@dataclass(frozen=True, slots=True)
class _Shared:
    """What several use cases share."""

    users: UserStore
    sessions: SessionStore
    vault: PasswordVault
    captchas: Captchas
    check: CheckCertificate
    sealing: Sealing
    use_code: UseCode


def build_people(parts: PeopleParts, *, approval_kinds: ApprovalKinds) -> People:
    """The use cases; `approval_kinds` are the acts that need two people."""
    shared, trail, clock = _shared(parts), parts.trail, parts.clock
    real = parts.settings.mode is not KeyPurpose.DEMO
    approvals = ApprovalStore(parts.database)
    return People(
        clock=clock,
        sessions=LiveSessions(shared.sessions, trail, clock, real=real),
        end_session=EndSession(shared.sessions, trail),
        ways=_ways(parts, shared),
        own=_own(parts, shared),
        users=_acts(parts, shared),
        approvals=Approvals(approvals, shared.users, trail, approval_kinds),
        approval_kinds=approval_kinds,
    )


def _shared(parts: PeopleParts) -> _Shared:
    keys, entropy = parts.keys, parts.entropy
    users, sessions = UserStore(parts.database, keys.sealer, entropy), SessionStore(parts.database)
    return _Shared(
        users=users, sessions=sessions, vault=PasswordVault(),
        captchas=Captchas(sessions, lambda text: keys.indexer.card("captcha", text), entropy),
        check=CheckCertificate(sessions, users, parts.trust), sealing=turns_of(keys),
        use_code=UseCode(users),
    )  # fmt: skip


def _ways(parts: PeopleParts, shared: _Shared) -> SignInWays:
    users, sessions, trail, settings = shared.users, shared.sessions, parts.trail, parts.settings
    admit = AdmitTry(sessions, shared.captchas)
    open_session = OpenSession(
        users, sessions, trail, parts.entropy, shared.sealing, shared.use_code
    )
    return SignInWays(
        password=SignIn(users, sessions, shared.vault, admit, open_session, trail),
        challenge=OfferChallenge(sessions, parts.trust, parts.entropy),
        certificate=SignInWithCertificate(users, admit, shared.check, open_session, trail),
        gateway=SignInBehindGateway(
            users, sessions, admit, open_session, trail,
            read_gateway_key(settings.gateway_key_file), settings.gateway_addresses,
        ),
        captchas=shared.captchas,
    )  # fmt: skip


def _own(parts: PeopleParts, shared: _Shared) -> OwnAccount:
    users, sessions, trail, sealing = shared.users, shared.sessions, parts.trail, shared.sealing
    prove_again = ProveAgain(
        users, sessions, shared.vault, trail, sealing, shared.use_code, shared.check
    )
    return OwnAccount(
        prove_again=prove_again,
        change_password=ChangePassword(
            users, sessions, shared.vault, trail, sealing, prove_again
        ),
        enrol_totp=EnrolTotp(
            users, sessions, trail, parts.entropy, sealing, parts.settings.ehcin
        ),
    )  # fmt: skip


def _acts(parts: PeopleParts, shared: _Shared) -> UserActs:
    users, sessions, trail, sealing = shared.users, shared.sessions, parts.trail, shared.sealing
    vault, entropy = shared.vault, parts.entropy
    return UserActs(
        find=FindUsers(users, sessions, trail),
        find_sessions=FindSessions(users, sessions, trail),
        make=MakeUser(users, vault, trail, entropy, sealing),
        change=ChangeUser(users, sessions, trail),
        reset=ResetUser(users, sessions, vault, trail, entropy, sealing),
        assign_roles=AssignRoles(users, sessions, trail),
        bind_certificate=BindCertificate(users, parts.trust, trail),
        change_policy=ChangePolicy(users, trail),
        store=users,
    )


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
