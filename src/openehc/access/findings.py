"""Findings about client software, and how they are handled (材料二 3.2).

Six situations are watched. In four of them the software is suspended in principle until it
was put right; a counterfeit is hunted, a low rating improved, while the registered software
works on.

    found ──notify──> notified ──suspend──> suspended ──correct──> corrected ──close──> returned
      └──────suspend─────────────────────────^   (from notified, too)  └──reopen──> notified

Every open finding can be dismissed. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Final

from openehc.kernel.refusal import Fault, Reason, Refusal

NOTE_LIMIT: Final = 200
EVIDENCE_LIMIT: Final = 1000
SUBJECT_LIMIT: Final = 100


@unique
class Situation(StrEnum):
    """What is wrong with software that is in use."""

    NUMBER_MISSING = "number_missing"
    NOT_LISTED = "not_listed"
    INCOMPLETE = "incomplete"
    COUNTERFEIT = "counterfeit"
    VERSION_GAP = "version_gap"
    LOW_SECURITY = "low_security"


@unique
class State(StrEnum):
    """How far the handling of a finding came."""

    FOUND = "found"
    NOTIFIED = "notified"
    SUSPENDED = "suspended"
    CORRECTED = "corrected"
    RETURNED = "returned"
    DISMISSED = "dismissed"


@unique
class Step(StrEnum):
    """What can be done about a finding."""

    RECORD = "record"
    NOTIFY = "notify"
    SUSPEND = "suspend"
    CORRECT = "correct"
    REOPEN = "reopen"
    CLOSE = "close"
    DISMISS = "dismiss"


@unique
class Source(StrEnum):
    """Who or what saw it."""

    OPERATOR = "operator"
    OBSERVED = "observed version"
    NUMBER_FILE = "number file"
    KNOCKS = "knocks"


SAID: Final[Mapping[Situation, str]] = {
    Situation.NUMBER_MISSING: "登记编号未标识",
    Situation.NOT_LISTED: "不在公示列表",
    Situation.INCOMPLETE: "注册登记不完整",
    Situation.COUNTERFEIT: "发布渠道存在盗版应用",
    Situation.VERSION_GAP: "登记版本与流通版本存在大版本差异",
    Situation.LOW_SECURITY: "安全等级较低",
}
SUSPENDING: Final = frozenset(
    {Situation.NUMBER_MISSING, Situation.NOT_LISTED, Situation.INCOMPLETE, Situation.VERSION_GAP}
)
"""Situations in which the software is suspended in principle (处置1, 处置3)."""

OPEN: Final = frozenset({State.FOUND, State.NOTIFIED, State.SUSPENDED, State.CORRECTED})

FROM: Final[Mapping[Step, frozenset[State]]] = {
    Step.RECORD: frozenset(),
    Step.NOTIFY: frozenset({State.FOUND}),
    Step.SUSPEND: frozenset({State.FOUND, State.NOTIFIED}),
    Step.CORRECT: frozenset({State.NOTIFIED, State.SUSPENDED}),
    Step.REOPEN: frozenset({State.CORRECTED}),
    Step.CLOSE: frozenset({State.CORRECTED}),
    Step.DISMISS: OPEN,
}
TO: Final[Mapping[Step, State]] = {
    Step.RECORD: State.FOUND,
    Step.NOTIFY: State.NOTIFIED,
    Step.SUSPEND: State.SUSPENDED,
    Step.CORRECT: State.CORRECTED,
    Step.REOPEN: State.NOTIFIED,
    Step.CLOSE: State.RETURNED,
    Step.DISMISS: State.DISMISSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What somebody or the platform saw; `application_id` None for software not registered."""

    application_id: int | None
    subject: str
    situation: Situation
    evidence: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding in work; while it `holds_application`, the application stays suspended."""

    finding_id: int
    seen: Seen
    state: State
    holds_application: bool
    found_at: datetime
    changed_at: datetime
    revision: int
    institution_id: int | None
    app_name: str | None
    record_num: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTaken:
    """One step that was taken about a finding: when, by whom, and what they wrote."""

    at: datetime
    step: Step
    actor_kind: str
    actor_id: str
    note: str


def after(step: Step, finding: Finding) -> State | Refusal:
    """The state after `step`, or why it is not possible now."""
    if finding.state not in FROM[step]:
        return Refusal(
            Reason.STATE_FORBIDS, "违规的当前处理状态不允许此操作",
            "the finding is not in a state for this",
        )  # fmt: skip
    if step is Step.SUSPEND and finding.seen.application_id is None:
        return Refusal(
            Reason.STATE_FORBIDS, "未登记的应用没有接入，无可停用",
            "software that is not registered has nothing to suspend",
        )  # fmt: skip
    return TO[step]


def seen_faults(seen: Seen) -> tuple[Fault, ...]:
    """What is wrong with a finding that somebody records."""
    faults = []
    if not 1 <= len(seen.subject.strip()) <= SUBJECT_LIMIT:
        faults.append(Fault("subject", "应为1至100字", "1 to 100 characters"))
    if not 1 <= len(seen.evidence.strip()) <= EVIDENCE_LIMIT:
        faults.append(Fault("evidence", "请写明依据，1000字以内", "1 to 1,000 characters"))
    return tuple(faults)


def note_faults(step: Step, note: str) -> tuple[Fault, ...]:
    """A step tells what was done or why."""
    if not 1 <= len(note.strip()) <= NOTE_LIMIT and step is not Step.RECORD:
        return (Fault("reason", "请写明处理情况，200字以内", "1 to 200 characters"),)
    return ()
