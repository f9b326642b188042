"""Usage facts: one row per registration, generation and verification.

A fact carries the dimensions that the statistics of 附录E 6.2 count by, and no name,
number or phone. Counting is not done here.
"""

from datetime import datetime
from enum import StrEnum, unique
from typing import Final

import msgspec

from openehc.access.registry import Admission
from openehc.cards.model import CardAccount

SUCCESS: Final = "ok"
"""The result of a fact that went well; a refusal is named by its reason instead."""


@unique
class Kind(StrEnum):
    """What was done; regcard_num counts the first two, activate_num those by the resident.

    The last two are no use of a card: who looked a resident up or fetched the result of a
    consent, and who changed or closed the account. They are kept as sights of personal data
    (材料一 9.4).
    """

    REGISTER = "register"
    PREPARE = "prepare"
    ACTIVATE = "activate"
    RETURN = "return"
    GENERATE = "generate"
    VERIFY = "verify"
    QUERY = "query"
    CHANGE = "change"


class Purpose(msgspec.Struct, frozen=True, gc=False):
    """For what a card is used, as the request says."""

    treatment_code: str | None = None
    office_code: str | None = None
    operator_id: str | None = None
    code_tag: str | None = None

    def with_tag(self, code_tag: str) -> "Purpose":
        """The same purpose, served with a code of this tag."""
        return Purpose(self.treatment_code, self.office_code, self.operator_id, code_tag)


NO_PURPOSE: Final = Purpose()


class UsageFact(msgspec.Struct, frozen=True, gc=False):
    """What was done, when, by whom and for whom; `account` is None for an unknown card."""

    kind: Kind
    at: datetime
    admission: Admission
    account: CardAccount | None
    purpose: Purpose = NO_PURPOSE
    result: str = SUCCESS


FACT_COLUMNS: Final = {
    "at": "timestamptz", "kind": "text", "result": "text", "ehcid": "bytea",
    "institution_id": "int", "way_id": "int", "code_tag": "text", "sex": "text",
    "birth_year": "smallint", "id_type": "text", "treatment_code": "text",
    "office_code": "text", "operator_id": "text",
}  # fmt: skip
"""The columns that a fact sends, in this order, and their types.

`day` is computed from `at` by the database. `way_id` stands for application, terminal,
channel and medium, which are the same in thousands of facts (table `usage_ways`); the
view `usage_facts_full` shows them again.
"""


def fact_values(fact: UsageFact, *, way: int) -> tuple[object, ...]:
    """The values of `FACT_COLUMNS`: the one place where a fact becomes columns."""
    account, purpose = fact.account, fact.purpose
    resident = account.resident if account else None
    return (
        fact.at,
        fact.kind,
        fact.result,
        account.ehcid if account else None,
        fact.admission.institution_id,
        way,
        purpose.code_tag,
        resident.user_sex if resident else None,
        resident.birth_year if resident else None,
        resident.id_type if resident else None,
        purpose.treatment_code,
        purpose.office_code,
        purpose.operator_id,
    )


FACT_NAMES: Final = ", ".join(("day", *FACT_COLUMNS))
"""The columns of `usage_facts` that every statement fills."""
