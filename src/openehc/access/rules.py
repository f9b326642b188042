"""The life of an entry in a register, one for institutions, software, terminals and modules.

    applied ──approve──> active <──resume── suspended
       │ ^                │  └──suspend──────^   │
    refuse change         └──────blacklist───────┴──> blacklisted ──restore──> active
       v │                └──────exit────────────┴──────────┴─────> exited
    refused                                       (institutions come back: reapply)

Pure. Who may do what is decided elsewhere (people/data/roles.csv).
"""

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final

from openehc.access.model import Standing
from openehc.kernel.refusal import Fault, Reason, Refusal

REASON_LIMIT: Final = 200


@unique
class Act(StrEnum):
    """What can be done to an entry."""

    APPLY = "apply"
    APPROVE = "approve"
    REFUSE = "refuse"
    REAPPLY = "reapply"
    CHANGE = "change"
    SUSPEND = "suspend"
    RESUME = "resume"
    BLACKLIST = "blacklist"
    RESTORE = "restore"
    EXIT = "exit"
    ROTATE = "rotate_secret"
    END_OVERLAP = "end_overlap"
    REVOKE = "revoke_secret"
    LIMIT = "limit"
    BIND = "bind_certificates"
    ACCEPT_REPORT = "accept_report"


ACTS: Final[Mapping[Act, str]] = {
    Act.APPLY: "接入申请", Act.APPROVE: "批准", Act.REFUSE: "不予批准", Act.REAPPLY: "重新申请",
    Act.CHANGE: "变更", Act.SUSPEND: "停用", Act.RESUME: "恢复", Act.BLACKLIST: "列入黑名单",
    Act.RESTORE: "移出黑名单", Act.EXIT: "退出接入", Act.ROTATE: "更换密钥",
    Act.END_OVERLAP: "旧密钥失效", Act.REVOKE: "吊销密钥", Act.LIMIT: "设置授权与配额",
    Act.BIND: "登记证书", Act.ACCEPT_REPORT: "受理版本变更报备",
}  # fmt: skip
"""What people call the acts."""

_WORKING: Final = frozenset({Standing.ACTIVE, Standing.SUSPENDED})

FROM: Final[Mapping[Act, frozenset[Standing]]] = {
    Act.APPLY: frozenset(),
    Act.APPROVE: frozenset({Standing.APPLIED}),
    Act.REFUSE: frozenset({Standing.APPLIED}),
    Act.REAPPLY: frozenset({Standing.REFUSED, Standing.EXITED}),
    Act.CHANGE: _WORKING | {Standing.APPLIED, Standing.REFUSED},
    Act.SUSPEND: frozenset({Standing.ACTIVE}),
    Act.RESUME: frozenset({Standing.SUSPENDED}),
    Act.BLACKLIST: _WORKING,
    Act.RESTORE: frozenset({Standing.BLACKLISTED}),
    Act.EXIT: _WORKING | {Standing.BLACKLISTED},
    Act.ROTATE: _WORKING,
    Act.END_OVERLAP: _WORKING | {Standing.BLACKLISTED},
    Act.REVOKE: _WORKING | {Standing.BLACKLISTED, Standing.EXITED},
    Act.LIMIT: _WORKING | {Standing.APPLIED},
    Act.BIND: _WORKING | {Standing.APPLIED},
    Act.ACCEPT_REPORT: _WORKING,
}
"""In which standings an act is possible; an application is made of nothing."""

TO: Final[Mapping[Act, Standing]] = {
    Act.APPLY: Standing.APPLIED,
    Act.APPROVE: Standing.ACTIVE,
    Act.REFUSE: Standing.REFUSED,
    Act.REAPPLY: Standing.APPLIED,
    Act.SUSPEND: Standing.SUSPENDED,
    Act.RESUME: Standing.ACTIVE,
    Act.BLACKLIST: Standing.BLACKLISTED,
    Act.RESTORE: Standing.ACTIVE,
    Act.EXIT: Standing.EXITED,
}
"""Where an act leads; any other leaves the standing as it is."""

NEEDS_REASON: Final = frozenset({Act.REFUSE, Act.SUSPEND, Act.BLACKLIST, Act.EXIT, Act.REVOKE})
"""Acts against somebody: they are told why."""

SAID: Final[Mapping[Standing, tuple[str, str]]] = {
    Standing.APPLIED: ("待审核", "waiting for a decision"),
    Standing.REFUSED: ("未通过审核", "refused"),
    Standing.ACTIVE: ("正常", "active"),
    Standing.SUSPENDED: ("已停用", "suspended"),
    Standing.BLACKLISTED: ("已列入黑名单", "black-listed"),
    Standing.EXITED: ("已退出接入", "exited"),
}


def after(act: Act, standing: Standing) -> Standing | Refusal:
    """The standing after `act`, or why it is not possible now."""
    if standing not in FROM[act]:
        zh, en = SAID[standing]
        return Refusal(
            Reason.STATE_FORBIDS, f"当前状态为“{zh}”，不能进行此操作", f"not possible while {en}"
        )
    if act is Act.CHANGE and standing is Standing.REFUSED:
        return Standing.APPLIED
    return TO.get(act, standing)


CLOSED: Final = frozenset({Standing.BLACKLISTED, Standing.EXITED, Standing.REFUSED})
"""Standings of an institution for which nothing is applied for."""


def after_owner(standing: Standing, owner: Standing | None) -> Standing | Refusal:
    """The standing that an act leads to, unless the institution is closed to applications."""
    if standing is Standing.APPLIED and owner in CLOSED:
        zh, en = SAID[owner]
        return Refusal(Reason.STATE_FORBIDS, f"所属机构{zh}，不能申请", f"its institution is {en}")
    return standing


def reason_faults(act: Act, reason: str) -> tuple[Fault, ...]:
    """What is wrong with the reason that was given for an act."""
    if len(reason) > REASON_LIMIT:
        return (Fault("reason", f"原因不得超过{REASON_LIMIT}字", "at most 200 characters"),)
    if act in NEEDS_REASON and not reason.strip():
        return (Fault("reason", "请填写原因", "a reason is needed"),)
    return ()


def works(*standings: Standing) -> bool:
    """Whether something works whose own standing and its owners' are these."""
    return all(standing is Standing.ACTIVE for standing in standings)
