"""Decisions over codes: pure, property-tested.

`judge` is the heart of verification; what it needs was loaded before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, unique
from typing import Final

from openehc.access.numbers import looks_like_ehcappid
from openehc.cards.rules import judge_standing
from openehc.codes.model import Presented, SupplementPolicy, Tag
from openehc.kernel.refusal import Reason, Refusal

DEFAULT_LIFE: Final = timedelta(seconds=60)
LONGEST_LIFE: Final = timedelta(seconds=300)


@unique
class Advice(Enum):
    """What the window is told beside the verified person."""

    NOTHING = ""
    SUPPLEMENT = "supplementary identification is advised"


@dataclass(frozen=True, slots=True)
class SupplementRules:
    """Supplementary identification of static codes: a policy per treatment code.

    The source says both "must" (术语) and "recommended" (5.2.3); the issuer decides,
    and the default warns.
    """

    default: SupplementPolicy = SupplementPolicy.WARN
    by_treatment: Mapping[str, SupplementPolicy] = field(default_factory=dict)

    def policy(self, treatment_code: str | None) -> SupplementPolicy:
        """The policy for one treatment code."""
        return self.by_treatment.get(treatment_code or "", self.default)


def judge(presented: Presented, *, now: datetime) -> Refusal | None:
    """Whether a code identifies its holder now (材料一 6.2.2).

    1. the account exists, and its EHCID opens to the account's own document
    2. a dynamic code's VALID opens, lies ahead, and was issued here for this person
    3. the account may be used
    """
    account = presented.account
    if account is None:
        return Refusal(Reason.CARD_UNKNOWN)
    if not presented.identity_matches:
        return Refusal(Reason.CODE_MALFORMED, "电子健康卡ID与登记的证件不一致")
    if presented.code.tag is Tag.DYNAMIC:
        refusal = judge_validity(presented, now)
        if refusal:
            return refusal
    return judge_standing(account)


def judge_validity(presented: Presented, now: datetime) -> Refusal | None:
    """Whether a dynamic code is good now and was issued here for this person (step 2)."""
    if presented.expires_at is None:
        return Refusal(Reason.VALID_WRONG)
    if now > presented.expires_at:
        return Refusal(Reason.CODE_EXPIRED)
    issued = presented.issued
    if issued is None or issued.revoked:
        return Refusal(Reason.CODE_NOT_ISSUED)
    channel = presented.code.channel
    if looks_like_ehcappid(channel) and channel not in issued.channels:
        return Refusal(Reason.CODE_NOT_ISSUED)
    return None


def judge_supplement(
    tag: Tag, rules: SupplementRules, *, treatment_code: str | None, supplement_mode: str | None
) -> Advice | Refusal:
    """Whether a code alone is enough for this treatment (材料一 5.2.3, gaps.md 9)."""
    if tag is Tag.DYNAMIC or supplement_mode:
        return Advice.NOTHING
    policy = rules.policy(treatment_code)
    if policy is SupplementPolicy.REQUIRE:
        return Refusal(Reason.SUPPLEMENT_REQUIRED)
    return Advice.SUPPLEMENT if policy is SupplementPolicy.WARN else Advice.NOTHING


def expiry_of(now: datetime, life: timedelta) -> datetime:
    """When a code made now ends: VALID holds whole seconds."""
    return now.replace(microsecond=0) + life
