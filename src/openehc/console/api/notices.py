"""What everybody may ask without signing in: notices about software that had to stop."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from openehc.access.findings import SAID, Situation
from openehc.access.notice_store import Measure, Notice, Outcome
from openehc.access.public_list import DEEPEST, PAGE_SIZE, SECONDS, PublicList
from openehc.kernel.clock import Clock, china_day
from openehc.spec import Spec

_MEASURES: Final = {
    Measure.SUSPENDED: "暂停接入", Measure.BLACKLISTED: "列入黑名单",
    Measure.ENDED: "退出接入，登记编号注销",
}  # fmt: skip
_OUTCOMES: Final = {
    Outcome.CORRECTED: "整改完成", Outcome.DISMISSED: "经核查违规不成立",
    Outcome.RESTORED: "移出黑名单",
}  # fmt: skip


class NoticeView(BaseModel):
    """One notice (材料二 3.2); days are those of +08:00."""

    record_num: str
    app_name: str
    app_channel: str
    app_channel_name: str
    use_unit: str
    measure: Measure
    measure_name: str
    situation: Situation | None
    situation_name: str
    noticed_on: date
    outcome: Outcome | None
    outcome_name: str
    ended_on: date | None


class NoticePageView(BaseModel):
    """One page of the notices, the newest first."""

    items: list[NoticeView]
    total: int
    page: int
    size: int


@dataclass(frozen=True, slots=True)
class NoticeRoutes:
    """Makes the route; also gives the rows to the page for people."""

    listed: PublicList[Notice]
    spec: Spec
    clock: Clock

    def router(self) -> APIRouter:
        """The public route."""
        router = APIRouter(tags=["公示"])
        router.add_api_route(
            "/public/notices",
            self._list(),
            response_model=NoticePageView,
            summary="客户端应用软件通告 / notices about client software",
        )
        return router  # fmt: skip

    def _list(self) -> Callable[..., Any]:
        async def public_notices(
            response: Response, page: Annotated[int, Query(ge=1, le=DEEPEST)] = 1
        ) -> dict[str, Any]:
            response.headers["Cache-Control"] = f"public, max-age={SECONDS}"
            return await self.page(page)

        return public_notices

    async def page(self, number: int) -> dict[str, Any]:
        """The members of a page; raises DatabaseDown."""
        found = await self.listed.page(number, now=self.clock.now())
        items = [self._view(one) for one in found.entries]
        return {"items": items, "total": found.total, "page": number, "size": PAGE_SIZE}

    def _view(self, notice: Notice) -> dict[str, Any]:
        channels = self.spec.dictionary("app_channel")
        known = channels.has(notice.app_channel)
        return {
            "record_num": notice.record_num, "app_name": notice.app_name,
            "app_channel": notice.app_channel,
            "app_channel_name": channels.require(notice.app_channel).name if known else "",
            "use_unit": notice.use_unit, "measure": notice.measure,
            "measure_name": _MEASURES[notice.measure], "situation": notice.situation,
            "situation_name": SAID[notice.situation] if notice.situation else "",
            "noticed_on": china_day(notice.at), "outcome": notice.outcome,
            "outcome_name": _OUTCOMES[notice.outcome] if notice.outcome else "",
            "ended_on": china_day(notice.ended_at) if notice.ended_at else None,
        }  # fmt: skip
