"""Routes of users: look, make, change, disable, reset, give roles, bind certificates."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from openehc.console.api.guards import freshly_proved, needs
from openehc.console.api.inputs import Name, Number, NumberInPath, Pem, Revision, Text, Why
from openehc.console.api.paging import Page, PageQuery, page_of
from openehc.console.api.problems import problem_of
from openehc.console.api.sessions import visit_of
from openehc.kernel.refusal import Refusal
from openehc.people.assign_roles import Assignment
from openehc.people.make_user import UserToMake
from openehc.people.model import Principal, User, UserState
from openehc.people.permissions import Role
from openehc.people.use_cases import People
from openehc.people.user_store import UserFilter

SORTABLE: Final = {
    "login": "u.login", "display_name": "u.display_name", "state": "u.state",
    "last_sign_in_at": "u.last_sign_in_at", "created_at": "u.created_at",
}  # fmt: skip


class UserRow(BaseModel):
    """One user; `locked` while too many tries to sign in failed."""

    user_id: int
    login: str
    display_name: str
    roles: list[Role]
    institution_id: int | None
    state: UserState
    locked: bool
    must_change_password: bool
    password_changed_at: datetime
    totp_enrolled: bool
    certificate_bound: bool
    last_sign_in_at: datetime | None
    created_at: datetime
    revision: int


class NewUserForm(BaseModel):
    """A user without roles; the security administrator gives them."""

    login: Annotated[str, Field(max_length=32)]
    display_name: Name


class NewCredentials(BaseModel):
    """A user's number, and the password to be told once; it has to be changed at once."""

    user_id: int
    initial_password: str


class RenameForm(BaseModel):
    """Another name to show."""

    display_name: Name
    revision: Revision


class DisableForm(BaseModel):
    """Why the user may not sign in any more."""

    reason: Why
    revision: Revision


class RevisionForm(BaseModel):
    """The revision that the change was made from."""

    revision: Revision


class RolesForm(BaseModel):
    """What the user shall be from now on; an empty list takes every right away."""

    roles: Annotated[list[Role], Field(max_length=len(Role))]
    institution_id: Number | None = None
    reason: Why
    revision: Revision


class CertificateBinding(BaseModel):
    """A certificate of the user, in PEM; empty to unbind."""

    certificate: Pem
    revision: Revision


class UserQuery(BaseModel):
    """Which users to list; `q` is a part of login or name."""

    q: Text = ""
    state: UserState | None = None
    role: Role | None = None
    institution_id: Number | None = None


def row_of(user: User) -> UserRow:
    """A user as the console shows one."""
    return UserRow(
        user_id=user.user_id, login=user.login, display_name=user.display_name,
        roles=sorted(user.roles), institution_id=user.institution_id, state=user.state,
        locked=user.locked, must_change_password=user.must_change_password,
        password_changed_at=user.password_changed_at, totp_enrolled=user.totp_enrolled,
        certificate_bound=user.certificate_bound, last_sign_in_at=user.last_sign_in_at,
        created_at=user.created_at, revision=user.revision,
    )  # fmt: skip


def told(user: User | Refusal) -> UserRow:
    """The user, or the problem."""
    if isinstance(user, Refusal):
        raise problem_of(user)
    return row_of(user)


Reader = Annotated[Principal, needs("users.read")]
Manager = Annotated[Principal, needs("users.manage")]
Assigner = Annotated[Principal, needs("roles.assign")]


def users_router(people: People) -> APIRouter:
    """Users, for the system and the security administrator."""
    router = APIRouter(tags=["users"])
    _reading(router, people)
    _managing(router, people)
    _credentials(router, people)
    return router


def _reading(router: APIRouter, people: People) -> None:
    find = people.users.find

    @router.get("/users", response_model=Page[UserRow])
    async def listed(
        request: Request, by: Reader, query: Annotated[PageQuery, Depends()],
        asked: Annotated[UserQuery, Query()],
    ) -> dict[str, Any]:  # fmt: skip
        """Users, a page at a time."""
        listing = query.listing(sortable=SORTABLE, default="login")
        if isinstance(listing, Refusal):
            raise problem_of(listing)
        which = UserFilter(asked.q, asked.state, asked.role, asked.institution_id)
        users, total = await find.listed(which, listing, by=by, visit=visit_of(request, people))
        return page_of([row_of(user) for user in users], total=total, query=query)

    @router.get("/users/{user_id}")
    async def one(user_id: NumberInPath, request: Request, by: Reader) -> UserRow:
        """One user."""
        return told(await find.one(user_id, by=by, visit=visit_of(request, people)))


def _managing(router: APIRouter, people: People) -> None:
    change = people.users.change

    @router.put("/users/{user_id}")
    async def rename(
        user_id: NumberInPath, form: RenameForm, request: Request, by: Manager
    ) -> UserRow:
        """Show another name."""
        return told(
            await change.rename(
                user_id, form.display_name, revision=form.revision, by=by,
                visit=visit_of(request, people),
            )
        )  # fmt: skip

    @router.post("/users/{user_id}/disable")
    async def disable(
        user_id: NumberInPath, form: DisableForm, request: Request, by: Manager
    ) -> UserRow:
        """Let nobody sign in as this user; sessions end at once."""
        freshly_proved(by)
        return told(
            await change.disable(
                user_id, revision=form.revision, reason=form.reason, by=by,
                visit=visit_of(request, people),
            )
        )  # fmt: skip

    @router.post("/users/{user_id}/enable")
    async def enable(
        user_id: NumberInPath, form: RevisionForm, request: Request, by: Manager
    ) -> UserRow:
        """Let the user sign in again; ends a lock-out as well."""
        return told(
            await change.enable(
                user_id, revision=form.revision, by=by, visit=visit_of(request, people)
            )
        )

    @router.put("/users/{user_id}/roles")
    async def assign(
        user_id: NumberInPath, form: RolesForm, request: Request, by: Assigner
    ) -> UserRow:
        """Give and take roles, and set the institution that the user reaches."""
        freshly_proved(by)
        asked = Assignment(
            user_id, form.revision, frozenset(form.roles), form.institution_id, form.reason
        )
        return told(await people.users.assign_roles(asked, by=by, visit=visit_of(request, people)))


def _credentials(router: APIRouter, people: People) -> None:
    acts = people.users

    @router.post("/users", status_code=201)
    async def make(form: NewUserForm, request: Request, by: Manager) -> NewCredentials:
        """A new user without any role."""
        made = await acts.make(
            UserToMake(form.login, form.display_name), by=by.actor,
            visit=visit_of(request, people),
        )  # fmt: skip
        if isinstance(made, Refusal):
            raise problem_of(made)
        return NewCredentials(user_id=made.user_id, initial_password=made.initial_password)

    @router.post("/users/{user_id}/reset")
    async def reset(user_id: NumberInPath, request: Request, by: Manager) -> NewCredentials:
        """New credentials for an operator; the authenticator is taken away, sessions end."""
        freshly_proved(by)
        made = await acts.reset.operator(user_id, by=by, visit=visit_of(request, people))
        if isinstance(made, Refusal):
            raise problem_of(made)
        return NewCredentials(user_id=made.user_id, initial_password=made.initial_password)

    @router.put("/users/{user_id}/certificate", status_code=204)
    async def bind(
        user_id: NumberInPath, form: CertificateBinding, request: Request, by: Manager
    ) -> Response:
        """Let the holder of this certificate sign in as the user."""
        freshly_proved(by)
        refused = await acts.bind_certificate(
            user_id, form.certificate, revision=form.revision, by=by,
            visit=visit_of(request, people),
        )  # fmt: skip
        if refused:
            raise problem_of(refused)
        return Response(status_code=204)
