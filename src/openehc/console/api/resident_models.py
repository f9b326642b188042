"""What the routes of residents take and give, as JSON.

Texts are bounded here; what they mean is judged by the use cases. Personal data travel in
bodies only, never in an address.
"""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from openehc.cards.desk_store import Life, PastChange
from openehc.cards.masked import masked_line, masked_person
from openehc.cards.model import CardAccount
from openehc.cards.sight import LONGEST_VALUE, By, Sight
from openehc.cards.view_resident import ResidentView
from openehc.console.api.paging import LARGEST_PAGE

CardId = Annotated[
    str, Path(pattern="^[0-9A-Fa-f]{64}$", description="ehealth_card_id: 64 hex characters")
]
_Id = Annotated[str, Field(pattern="^[0-9A-Fa-f]{64}$")]
_Reason = Annotated[
    str, Field(max_length=200, description="4 to 200 characters; holds nobody's number")
]
_Tag = Annotated[str, Field(min_length=1, max_length=32)]
_MOST_TAGS: Final = 20


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class SearchBody(_Asked):
    """Whom to look for: always an exact value. `kind` is the type of a document or card."""

    by: By
    value: str = Field(max_length=LONGEST_VALUE)
    kind: str = Field("", max_length=10)
    page: int = Field(1, ge=1, le=LARGEST_PAGE)
    size: int = Field(20, ge=1, le=50)


class RevealBody(_Asked):
    """Which fields to see in clear, and why."""

    fields: list[Sight] = Field(max_length=20)
    reason: _Reason


class ReasonBody(_Asked):
    """Why something is done."""

    reason: _Reason


class TagsBody(_Asked):
    """The tags that the account has afterwards."""

    tags: list[_Tag] = Field(max_length=_MOST_TAGS)


class CardBody(_Asked):
    """A card to bind."""

    card_type: str = Field(min_length=1, max_length=10)
    card_no: str = Field(min_length=1, max_length=32, pattern=r"^[!-~]+$")
    is_default: bool = False


class MergeBody(_Asked):
    """The account that ends, and why."""

    merged: _Id
    reason: _Reason


class ApprovalWish(BaseModel):
    """What to hand in under /api/approvals, so that a second person can decide on it."""

    kind: str
    parameters: dict[str, str]


class MaskedCard(BaseModel):
    """A bound card; `position` names it within this revision of the account."""

    position: int
    card_type: str
    card_no: str
    bound_at: str
    is_default: bool


class MaskedLine(BaseModel):
    """A resident as lists and windows show one: names and numbers are masked."""

    ehealth_card_id: str
    state: str
    blacklisted: bool
    merged_into: str | None
    revision: int
    id_type: str
    id_no: str
    user_name: str
    user_sex: str
    mobile_phone: str
    default_card: MaskedCard | None


class FoundResidents(BaseModel):
    """One page; `total` is at most 50, and `more` tells that there are others."""

    items: list[MaskedLine]
    total: int
    more: bool
    page: int
    size: int


class LifeShown(BaseModel):
    """Where an account came from and how it stands; `absorbed` are accounts merged into it."""

    registered_at: datetime
    activated_at: datetime | None
    closed_at: datetime | None
    blacklisted_at: datetime | None
    blacklist_reason: str
    origin: str
    institution_id: int
    org_name: str
    app_id: str
    apply_method: str
    certificate_mode: str
    has_photo: bool
    absorbed: list[str]


class PastChangeShown(BaseModel):
    """One change of an account; the values before stay sealed."""

    revision: int
    change: str
    changed_at: datetime
    app_id: str
    term_id: str
    platform_serial: str
    external_serial: str
    changed_fields: list[str]


class MaskedResident(MaskedLine):
    """One resident. A window gets the line alone: everything here is null then."""

    birth_year: int | None = None
    telephone: str | None = None
    address: str | None = None
    work_unit: str | None = None
    tags: list[str] | None = None
    cards: list[MaskedCard] | None = None
    life: LifeShown | None = None
    history: list[PastChangeShown] | None = None


class RevealedFields(BaseModel):
    """Fields in clear; the photo is a JPEG in BASE64, null when there is none."""

    fields: dict[str, Any]
    photo: str | None = None


class ProposedPair(BaseModel):
    """Two accounts that may be one person's: the one that would survive, and the other."""

    survivor: MaskedLine
    merged: MaskedLine


class ProposedPairs(BaseModel):
    """Proposals; `after` is where the next page begins, null at the end."""

    items: list[ProposedPair]
    after: str | None


def shown_view(view: ResidentView) -> dict[str, Any]:
    """A resident as `MaskedResident`."""
    shown = masked_line(view.account)
    if view.life is None or view.history is None:
        return shown
    return {
        **shown, **masked_person(view.account), "life": _shown_life(view.life),
        "history": [_shown_change(change) for change in view.history],
    }  # fmt: skip


def shown_account(account: CardAccount) -> dict[str, Any]:
    """An account just changed, as `MaskedResident` without life and history."""
    return {**masked_line(account), **masked_person(account)}


def _shown_life(life: Life) -> dict[str, Any]:
    names = LifeShown.model_fields
    told = {name: getattr(life, name) for name in names}
    return {**told, "absorbed": [ehcid.hex().upper() for ehcid in life.absorbed]}


def _shown_change(change: PastChange) -> dict[str, Any]:
    return {name: getattr(change, name) for name in PastChangeShown.model_fields}
