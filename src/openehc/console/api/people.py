"""The routers of people, in the order of the documentation."""

from typing import Final

from fastapi import APIRouter

from openehc.console.api.approvals import approvals_router
from openehc.console.api.captchas import captcha_router
from openehc.console.api.certificate_sign_in import certificate_router
from openehc.console.api.own_account import own_account_router
from openehc.console.api.policy import policy_router, signed_in_router
from openehc.console.api.sessions import session_router
from openehc.console.api.users import users_router
from openehc.people.use_cases import People

BODY_LIMIT: Final = 256 << 10
"""Two certificates in PEM fit in several times."""


def people_routers(people: People) -> list[APIRouter]:
    """Every router about people; none takes more than 256 KiB, signed in or not."""
    together = APIRouter(max_body_size=BODY_LIMIT)
    for router in (
        session_router(people), captcha_router(people), certificate_router(people),
        own_account_router(people), users_router(people), policy_router(people),
        signed_in_router(people), approvals_router(people),
    ):  # fmt: skip
        together.include_router(router)
    return [together]
