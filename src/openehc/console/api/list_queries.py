"""What the lists of the registers can be narrowed to: from the columns of each register.

A column that an applicant fills in can be asked for by its exact value, the day of access by
bounds; contact persons cannot, since they lie sealed. Runs no statement.
"""

from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Final, Literal

from fastapi import Query

from openehc.access.entry_rules import printable
from openehc.access.kinds import APPLICATIONS, Kind
from openehc.access.model import Standing
from openehc.access.record import Search
from openehc.access.record_store import filtered
from openehc.console.api.paging import PageQuery
from openehc.console.api.problems import Problem
from openehc.kernel.refusal import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery(PageQuery):
    """What a list of any register can be narrowed to."""

    q: Annotated[
        str, Query(max_length=50, description="名称、编号、序列号或app_id / name or number")
    ] = ""
    standing: Annotated[Standing | None, Query(description="状态 / standing")] = None
    org_code: Annotated[str, Query(max_length=32, description="组织机构代码")] = ""
    code: Annotated[
        str, Query(max_length=50, description="等级、种类或厂商 / level, kind or maker")
    ] = ""
    access_since: Annotated[
        date | None, Query(description="接入日期不早于 / day of access from")
    ] = None
    access_until: Annotated[
        date | None, Query(description="接入日期不晚于 / day of access up to")
    ] = None

    def search(self, kind: Kind, *, reach: int | None, online_since: datetime) -> Search:
        """The search that was asked for, within the caller's reach."""
        columns: Mapping[str, str] = {
            name: value for name in _columns(kind) if (value := getattr(self, name))
        }
        texts = {"q": self.q, "org_code": self.org_code, "code": self.code, **columns}
        for name, text in texts.items():
            if not printable(text):
                raise Problem(422, faults=[Fault(name, "不得含控制字符", "no control characters")])
        return Search(
            text=self.q.strip(), standing=self.standing, org_code=self.org_code, code=self.code,
            columns=columns, since=self.access_since, until=self.access_until, reach=reach,
            online=getattr(self, "online_statuses", None) or "", online_since=online_since,
            report_due=getattr(self, "report_due", None),
        )  # fmt: skip


_OF_SOFTWARE: Final[list[tuple[str, Any, Any]]] = [
    (
        "online_statuses",
        Annotated[
            Literal["1", "2", "3"] | None, Query(description="应用在线状态 1联网 2未联网 3停用")
        ],
        None,
    ),
    (
        "report_due",
        Annotated[bool | None, Query(description="版本变更待报备 / an unreported version")],
        None,
    ),
]


@cache
def list_query_of(kind: Kind) -> type[ListQuery]:
    """The query of one register's list, with a parameter for each of its columns."""
    fields = [(name, _exactly(kind, name), "") for name in _columns(kind)]
    fields += _OF_SOFTWARE if kind is APPLICATIONS else []
    return make_dataclass(
        f"{kind.name.title()}Query", fields, bases=(ListQuery,), frozen=True, slots=True,
        kw_only=True,
    )  # fmt: skip


def _columns(kind: Kind) -> list[str]:
    return [name for name in filtered(kind) if name not in ListQuery.__dataclass_fields__]


def _exactly(kind: Kind, name: str) -> Any:  # noqa: ANN401 (an annotation)
    column = filtered(kind)[name]
    longest = max(column.most, 50)
    return Annotated[
        str, Query(max_length=longest, description=f"{column.title} / {column.title_en}")
    ]
