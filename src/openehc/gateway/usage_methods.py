"""ehc.ehealthcard.records: the resident's own list of who used the card, when, where, for what.

For the resident's client software; only those hold the grant (docs/how-to/audit.md). People on
the platform who looked appear without their names.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from openehc.cards.store import CardStore
from openehc.cards.usage_records import USUAL_DAYS, UsageRecords
from openehc.cards.usage_store import UsageQuery, UsageRecord
from openehc.gateway.calls import Biz, Call, Handler
from openehc.gateway.code_requests import find_account
from openehc.kernel.clock import china_day, wire_time
from openehc.kernel.refusal import Reason, Refusal
from openehc.storage.listing import Listing

METHOD: Final = "ehc.ehealthcard.records"
STAFF: Final = "平台工作人员"
_FIRST: Final = date(2000, 1, 1)
_CONSOLE: Final = "console"


@dataclass(frozen=True, slots=True)
class UsageMethods:
    """The handler of the method."""

    cards: CardStore
    records: UsageRecords

    def handlers(self) -> dict[str, Handler]:
        """The handler of each method."""
        return {METHOD: self.own_records}

    async def own_records(self, call: Call) -> Biz | Refusal:
        """A page of uses, newest first; the look itself becomes one of them."""
        account = await find_account(self.cards, call.values)
        if isinstance(account, Refusal):
            return account
        await self.cards.record_sight(account, call.admission, at=call.now)
        size, number = call.values["page_size"], call.values["page_no"]
        listing = Listing(order="at", direction="desc", limit=size, offset=(number - 1) * size)
        query = _days(call.values, today=china_day(call.now))
        if isinstance(query, Refusal):
            return query
        page = await self.records.of_resident(account.ehcid, query=query, listing=listing)
        if isinstance(page, Refusal):
            return Refusal(Reason.FIELDS_WRONG, f"begin_date, end_date({page.faults[0].zh})")
        return {
            "ehealth_card_id": account.ehealth_card_id,
            "total": page.total,
            "page_no": number,
            "page_size": size,
            "record_list": [_told(record) for record in page.records],
        }


def _days(values: dict[str, Any], *, today: date) -> UsageQuery | Refusal:
    last = _day(values.get("end_date")) or today
    if not _FIRST <= last <= today + timedelta(days=1):
        return Refusal(Reason.FIELDS_WRONG, "end_date(不得晚于今天)")
    first = _day(values.get("begin_date")) or last - timedelta(days=USUAL_DAYS - 1)
    return UsageQuery(first_day=first, last_day=last)


def _day(text: str | None) -> date | None:
    """A date as the field table normalises it: yyyyMMdd."""
    return datetime.strptime(text, "%Y%m%d").date() if text else None  # noqa: DTZ007 (a day)


def _told(record: UsageRecord) -> dict[str, str]:
    return {
        "use_time": wire_time(record.at),
        "use_type": record.kind,
        "use_result": record.result,
        "org_name": record.org_name,
        "app_name": STAFF if record.kind == _CONSOLE else record.app_name,
        "term_name": record.term_name,
        "treatment_code": record.treatment_code,
    }
