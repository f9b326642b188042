"""What everybody may ask without signing in: the list of valid client software."""

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from pydantic import BaseModel

from openehc.access.public_list import PublicList
from openehc.access.public_list_store import PublicEntry
from openehc.console.api.public_pages import PublicPages, channel_name
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


def valid_software(
    listed: PublicList[PublicEntry], clock: Clock, spec: Spec, *, online_for: timedelta
) -> PublicPages[PublicEntry]:
    """The pages of the list; an application is online for so long after a success."""
    return PublicPages(listed, clock, partial(_view, spec, online_for))


def _view(spec: Spec, online_for: timedelta, entry: PublicEntry, now: datetime) -> dict[str, Any]:
    last = entry.last_success_at
    status = "1" if last and now - last <= online_for else "2"
    return {
        "record_num": entry.record_num, "app_name": entry.app_name,
        "app_channel": entry.app_channel,
        "app_channel_name": channel_name(spec, entry.app_channel),
        "app_version": entry.app_version, "use_unit": entry.use_unit,
        "record_time": entry.record_time, "app_url": entry.app_url,
        "online_statuses": status, "online_statuses_name": STATUS_NAMES[status],
    }  # fmt: skip
