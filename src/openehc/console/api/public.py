"""What everybody may ask without signing in: the list of valid client software."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from openehc.access.public_list import DEEPEST, PAGE_SIZE, SECONDS, PublicList
from openehc.access.public_list_store import PublicEntry
from openehc.kernel.clock import Clock
from openehc.spec import Spec

STATUS_NAMES: Final = {"1": "联网", "2": "未联网"}


class PublicEntryView(BaseModel):
    """A valid client application (材料二 2.4)."""

    record_num: str
    app_name: str
    app_channel: str
    app_channel_name: str
    app_version: str | None
    use_unit: str
    record_time: date | None
    app_url: str | None
    online_statuses: str
    online_statuses_name: str


class PublicPageView(BaseModel):
    """One page of the list."""

    items: list[PublicEntryView]
    total: int
    page: int
    size: int


@dataclass(frozen=True, slots=True)
class PublicRoutes:
    """Makes the routes; also gives the rows to the page for people."""

    listed: PublicList[PublicEntry]
    spec: Spec
    clock: Clock
    online_for: timedelta

    def router(self) -> APIRouter:
        """The public routes."""
        router = APIRouter(tags=["公示"])
        router.add_api_route(
            "/public/applications",
            self._list(),
            response_model=PublicPageView,
            summary="有效客户端应用软件公示 / public list of valid client software",
        )
        return router  # fmt: skip

    def _list(self) -> Callable[..., Any]:
        async def public_applications(
            response: Response, page: Annotated[int, Query(ge=1, le=DEEPEST)] = 1
        ) -> dict[str, Any]:
            response.headers["Cache-Control"] = f"public, max-age={SECONDS}"
            return await self.page(page)

        return public_applications

    async def page(self, number: int) -> dict[str, Any]:
        """The members of a page; raises DatabaseDown."""
        now = self.clock.now()
        found = await self.listed.page(number, now=now)
        items = [self._view(one) for one in found.entries]
        return {"items": items, "total": found.total, "page": number, "size": PAGE_SIZE}

    def _view(self, entry: PublicEntry) -> dict[str, Any]:
        last = entry.last_success_at
        status = "1" if last and self.clock.now() - last <= self.online_for else "2"
        channels = self.spec.dictionary("app_channel")
        known = channels.has(entry.app_channel)
        return {
            "record_num": entry.record_num, "app_name": entry.app_name,
            "app_channel": entry.app_channel,
            "app_channel_name": channels.require(entry.app_channel).name if known else "",
            "app_version": entry.app_version, "use_unit": entry.use_unit,
            "record_time": entry.record_time, "app_url": entry.app_url,
            "online_statuses": status, "online_statuses_name": STATUS_NAMES[status],
        }  # fmt: skip
