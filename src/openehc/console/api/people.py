"""The routers of people, in the order of the documentation."""

from fastapi import APIRouter

from openehc.console.api.captchas import captcha_router
from openehc.console.api.sessions import session_router
from openehc.people.use_cases import People


def people_routers(people: People) -> list[APIRouter]:
    """Every router about people."""
    return [session_router(people), captcha_router(people)]
