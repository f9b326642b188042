"""What everybody may ask without signing in: notices about software that had to stop."""

from datetime import date, datetime
from functools import partial
from typing import Any, Final

from pydantic import BaseModel

from openehc.access.findings import SAID, Situation
from openehc.access.notice_store import Measure, Notice, Outcome
from openehc.access.public_list import PublicList
from openehc.console.api.public_pages import PublicPages, channel_name
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


def notices(listed: PublicList[Notice], clock: Clock, spec: Spec) -> PublicPages[Notice]:
    """The pages of the notices, the newest first."""
    return PublicPages(listed, clock, partial(_view, spec))


def _view(spec: Spec, notice: Notice, _now: datetime) -> dict[str, Any]:
    return {
        "record_num": notice.record_num, "app_name": notice.app_name,
        "app_channel": notice.app_channel,
        "app_channel_name": channel_name(spec, notice.app_channel),
        "use_unit": notice.use_unit, "measure": notice.measure,
        "measure_name": _MEASURES[notice.measure], "situation": notice.situation,
        "situation_name": SAID[notice.situation] if notice.situation else "",
        "noticed_on": china_day(notice.at), "outcome": notice.outcome,
        "outcome_name": _OUTCOMES[notice.outcome] if notice.outcome else "",
        "ended_on": china_day(notice.ended_at) if notice.ended_at else None,
    }  # fmt: skip
