"""What is told to everybody as a route and as the rows of a page; each list brings its own view.

Decides nothing and keeps nothing: `access/public_list.py` does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import APIRouter, Query, Response

from openehc.access.public_list import DEEPEST, PAGE_SIZE, SECONDS, PublicList
from openehc.console.api.paging import Page
from openehc.kernel.clock import Clock
from openehc.spec import Spec

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class PublicPages(Generic[Entry]):
    """The pages of one list; `view` makes the members of an entry as of a moment."""

    listed: PublicList[Entry]
    clock: Clock
    view: Callable[[Entry, datetime], dict[str, Any]]

    async def page(self, number: int) -> dict[str, Any]:
        """The members of a page; raises DatabaseDown."""
        now = self.clock.now()
        found = await self.listed.page(number, now=now)
        items = [self.view(one, now) for one in found.entries]
        return {"items": items, "total": found.total, "page": number, "size": PAGE_SIZE}

    def router(self, path: str, shown: Any, *, summary: str) -> APIRouter:  # noqa: ANN401 (a model)
        """The route that gives them to anybody, as pages of `shown`."""

        async def public_list(
            response: Response, page: Annotated[int, Query(ge=1, le=DEEPEST)] = 1
        ) -> dict[str, Any]:
            response.headers["Cache-Control"] = f"public, max-age={SECONDS}"
            return await self.page(page)

        public_list.__name__ = path.strip("/").replace("/", "_")
        router = APIRouter(tags=["公示"])
        router.add_api_route(path, public_list, response_model=Page[shown], summary=summary)
        return router


def channel_name(spec: Spec, app_channel: str) -> str:
    """What a kind of application is called; "" for a code that is none."""
    channels = spec.dictionary("app_channel")
    return channels.require(app_channel).name if channels.has(app_channel) else ""
