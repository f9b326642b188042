"""What operators ask of residents, what they may ask, and which fields exist to be shown.

Pure: reads no clock and no database. What is asked for is personal data and appears in no
message and no `repr`.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final

from openehc.audit.model import Actor
from openehc.cards.identity import normal_id_no, normal_name
from openehc.kernel.refusal import Fault, Reason, Refusal

MOST_FOUND: Final = 50
"""How many residents a name or a phone number shows at most."""

LONGEST_VALUE: Final = 256
_SHORTEST_REASON: Final = 4
_LONGEST_REASON: Final = 200
_NUMBERS: Final = re.compile(r"\d[\d Xx-]{5,}\d")
_EHCID: Final = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


@unique
class By(StrEnum):
    """By what a resident is looked for; always the exact value."""

    DOCUMENT = "document"
    PHONE = "phone"
    NAME = "name"
    CARD = "card"
    CODE = "code"
    CARD_ID = "ehealth_card_id"


AT_A_WINDOW: Final = frozenset({By.DOCUMENT, By.CARD, By.CODE})
"""A window serves who stands before it: the resident's own document, card or code."""


@unique
class Sight(StrEnum):
    """A field that is masked until someone asks for it, and gives a reason."""

    NAME = "user_name"
    ID_NO = "id_no"
    MOBILE_PHONE = "mobile_phone"
    TELEPHONE = "telephone"
    BIRTHDAY = "birthday"
    NATION = "nation"
    ADDRESS = "address"
    WORK_UNIT = "work_unit"
    CARDS = "cards"
    PHOTO = "photo"


SIGHTS_AT_A_WINDOW: Final = frozenset({Sight.NAME, Sight.ID_NO, Sight.MOBILE_PHONE, Sight.PHOTO})
"""What a window needs to see that the person before it is the card's holder."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whom somebody looks for. `kind` is the document's or the card's type."""

    by: By
    value: str = field(repr=False)
    kind: str = ""

    def normal(self) -> "Question":
        """The same question with its value as it is indexed."""
        forms = {By.DOCUMENT: normal_id_no, By.NAME: normal_name, By.PHONE: normal_id_no}
        form = forms.get(self.by, str.strip)
        return Question(self.by, form(self.value), self.kind)


def is_ehcid(text: str) -> bool:
    """Whether a text has the form of an EHCID: 64 hex characters."""
    return _EHCID.fullmatch(text) is not None


def at_a_window(by: Actor) -> bool:
    """Whether someone works at one institution's window: that reach, and less to see."""
    return by.institution_id is not None


def judge_question(question: Question, *, by: Actor) -> Refusal | None:
    """Whether this person may ask so, and whether the question can be answered."""
    if at_a_window(by) and question.by not in AT_A_WINDOW:
        return Refusal(
            Reason.OUT_OF_SCOPE,
            "窗口人员只能按证件、绑定卡或二维码查找居民",
            "at a window residents are found by document, bound card or code only",
        )
    faults = _question_faults(question)
    return Refusal(Reason.INPUT_WRONG, faults=tuple(faults)) if faults else None


def _question_faults(question: Question) -> list[Fault]:
    faults = []
    if not question.value or len(question.value) > LONGEST_VALUE:
        faults.append(
            Fault("value", f"必填，最多{LONGEST_VALUE}个字符", f"1 to {LONGEST_VALUE} characters")
        )
    if question.by in {By.DOCUMENT, By.CARD} and not question.kind:
        faults.append(Fault("kind", "须给出证件或卡的类型", "the type of the document or card"))
    if question.by is By.CARD_ID and not is_ehcid(question.value):
        faults.append(Fault("value", "应为64位十六进制的电子健康卡ID", "64 hex characters"))
    return faults


def judge_sights(fields: frozenset[Sight], *, by: Actor) -> Refusal | None:
    """Whether this person may see these fields in clear."""
    if not fields:
        fault = Fault("fields", "至少选择一项", "at least one field")
        return Refusal(Reason.INPUT_WRONG, faults=(fault,))
    if at_a_window(by) and not fields <= SIGHTS_AT_A_WINDOW:
        allowed = ", ".join(sorted(SIGHTS_AT_A_WINDOW))
        return Refusal(
            Reason.OUT_OF_SCOPE, f"窗口人员只能查看：{allowed}", f"at a window only: {allowed}"
        )
    return None


def reason_faults(reason: str) -> tuple[Fault, ...]:
    """What is wrong with a reason that somebody typed; it is kept for the auditor as it stands.

    A long run of digits would be somebody's number, and records hold none.
    """
    length = len(reason.strip())
    if not _SHORTEST_REASON <= length <= _LONGEST_REASON or not reason.isprintable():
        bounds = f"{_SHORTEST_REASON}-{_LONGEST_REASON}"
        return (Fault("reason", f"须填写原因（{bounds}个字符）", f"{bounds} characters"),)
    if _NUMBERS.search(reason):
        return (
            Fault(
                "reason",
                "原因中不得填写证件号、电话等号码",
                "no number of a document or phone in the reason",
            ),
        )
    return ()
