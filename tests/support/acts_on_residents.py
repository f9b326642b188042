"""How each route about residents and audit records is called, and what its record says."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from openehc.people.permissions import Role
from tests.support.entries import if_match
from tests.support.stage import REASON, Call, Row, Stage, Tells

_OPERATOR: Final = Role.PROVINCE_OPERATOR


async def _on(stage: Stage, card: str, path: str, form: Any = None, *, revision: int = 1) -> Call:
    """A call about an account of which this revision was seen."""
    return await stage.call(
        _OPERATOR, path=f"/residents/{card}{path}", about=card, json=form,
        headers=if_match(revision),
    )  # fmt: skip


async def _change(path: str, form: Any, stage: Stage) -> Call:
    return await _on(stage, await stage.card(), path, form)


async def _restore(stage: Stage) -> Call:
    card = await stage.card()
    await stage.desk.province.post(
        f"/api/residents/{card}/blacklist", json={"reason": REASON}, headers=if_match(1)
    )
    return await _on(stage, card, "/restore", {"reason": REASON}, revision=2)


async def _search(stage: Stage) -> Call:
    card = await stage.card()
    form = {"by": "ehealth_card_id", "value": card}
    return await stage.call(_OPERATOR, path="/residents/search", about=card, json=form)


async def _merge_check(stage: Stage) -> Call:
    kept, gone = await stage.doubles()
    form = {"merged": gone, "reason": REASON}
    return await stage.call(_OPERATOR, path=f"/residents/{kept}/merge-check", about=gone, json=form)


async def _separate_check(stage: Stage) -> Call:
    kept, gone = await stage.doubles()
    wish = {"survivor": kept, "merged": gone, "reason": REASON}
    await stage.carried_out("residents.merge", wish)
    form = {"reason": REASON}
    return await stage.call(
        _OPERATOR, path=f"/residents/{gone}/separate-check", about=gone, json=form
    )


async def _audit(path: str, stage: Stage) -> Call:
    return await stage.call(Role.AUDIT_ADMIN, path=f"/audit/{path}", json={})


def _changing(action: str, path: str, form: Any = None) -> Row:
    return Row(f"residents.{action}", "resident", partial(_change, path, form))


_AT: Final = "/api/residents/{ehealth_card_id}"
_WHY: Final = {"reason": REASON}

ROWS: Final[Mapping[str, Row]] = {
    "POST /api/residents/search": Row("residents.search", "resident", _search, Tells.AFTER),
    f"POST {_AT}/reveal": Row(
        "residents.reveal", "resident",
        partial(_change, "/reveal", {"fields": ["mobile_phone"], **_WHY}), Tells.AFTER,
    ),
    f"PUT {_AT}/tags": _changing("tags", "/tags", {"tags": ["慢病管理"]}),
    f"POST {_AT}/cards": _changing("bind-card", "/cards", {"card_type": "L4", "card_no": "S-3"}),
    f"DELETE {_AT}/cards/{{position}}": _changing("unbind-card", "/cards/0"),
    f"PUT {_AT}/cards/{{position}}/default": _changing("default-card", "/cards/1/default"),
    f"POST {_AT}/blacklist": _changing("blacklist", "/blacklist", _WHY),
    f"POST {_AT}/restore": Row("residents.restore", "resident", _restore),
    f"POST {_AT}/close": _changing("close", "/close", _WHY),
    f"POST {_AT}/merge-check": Row(
        "residents.merge-check", "resident", _merge_check, Tells.AFTER
    ),
    f"POST {_AT}/separate-check": Row(
        "residents.separate-check", "resident", _separate_check, Tells.AFTER
    ),
    "POST /api/audit/exports": Row(
        "audit.export", "audit", partial(_audit, "exports"), Tells.AFTER
    ),
    "POST /api/audit/verifications": Row(
        "audit.verify", "audit", partial(_audit, "verifications"), Tells.NEITHER
    ),
}  # fmt: skip
