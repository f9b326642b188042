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
from openehc.kernel.clock import china_day

SUCCESS: Final = "ok"
"""The result of a fact that went well; a refusal is named by its reason instead."""


@unique
class Kind(StrEnum):
    """What was done; regcard_num counts the first two, activate_num those by the resident."""

    REGISTER = "register"
    PREPARE = "prepare"
    ACTIVATE = "activate"
    RETURN = "return"
    GENERATE = "generate"
    VERIFY = "verify"


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

FactRow = tuple[object, ...]


def fact_row(
    kind: Kind,
    *,
    at: datetime,
    admission: Admission,
    account: CardAccount | None,
    purpose: Purpose = NO_PURPOSE,
    result: str = SUCCESS,
) -> FactRow:
    """The columns of `usage_facts` in the order of `FACT_COLUMNS`."""
    resident = account.resident if account else None
    return (
        china_day(at),
        at,
        kind.value,
        result,
        account.ehcid if account else None,
        admission.institution_id,
        admission.app_id,
        admission.term_id,
        admission.app_channel,
        admission.medium.value,
        purpose.code_tag,
        resident.user_sex if resident else None,
        resident.birth_year if resident else None,
        resident.id_type if resident else None,
        purpose.treatment_code,
        purpose.office_code,
        purpose.operator_id,
    )


FACT_COLUMNS: Final = (
    "day", "at", "kind", "result", "ehcid", "institution_id", "app_id", "term_id", "app_channel",
    "medium", "code_tag", "sex", "birth_year", "id_type", "treatment_code", "office_code",
    "operator_id",
)  # fmt: skip

FACT_ARRAYS: Final = """$1::date[], $2::timestamptz[], $3::text[], $4::text[], $5::bytea[],
       $6::int[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
       $12::text[], $13::smallint[], $14::text[], $15::text[], $16::text[], $17::text[]"""
"""The parameters that a batch of facts takes: always the first 17 of a statement."""

FACT_NAMES: Final = ", ".join(FACT_COLUMNS)
