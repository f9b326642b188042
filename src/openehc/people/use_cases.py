"""Everything that people do, as the doors for people take it. Wiring fills it."""

from dataclasses import dataclass

from openehc.kernel.clock import Clock
from openehc.people.approval_kinds import ApprovalKinds
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
from openehc.people.prove_again import ProveAgain
from openehc.people.reset_user import ResetUser
from openehc.people.sign_in import SignIn
from openehc.people.sign_in_behind_gateway import SignInBehindGateway
from openehc.people.sign_in_with_certificate import OfferChallenge, SignInWithCertificate
from openehc.people.user_store import UserStore


@dataclass(frozen=True, slots=True)
class SignInWays:
    """The ways to sign in, and what they need."""

    password: SignIn
    challenge: OfferChallenge
    certificate: SignInWithCertificate
    gateway: SignInBehindGateway
    captchas: Captchas


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """What everybody does about themselves."""

    prove_again: ProveAgain
    change_password: ChangePassword
    enrol_totp: EnrolTotp


@dataclass(frozen=True, slots=True)
class UserActs:
    """What administrators do about users."""

    find: FindUsers
    find_sessions: FindSessions
    make: MakeUser
    change: ChangeUser
    reset: ResetUser
    assign_roles: AssignRoles
    bind_certificate: BindCertificate
    change_policy: ChangePolicy
    store: UserStore


@dataclass(frozen=True, slots=True)
class People:
    """The use cases, and the clock by which requests are told the time."""

    clock: Clock
    sessions: LiveSessions
    end_session: EndSession
    ways: SignInWays
    own: OwnAccount
    users: UserActs
    approvals: Approvals
    approval_kinds: ApprovalKinds
