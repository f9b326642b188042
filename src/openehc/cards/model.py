"""A resident, a card account, and what happens to it.

Decides nothing and reads nothing. `Resident` is what gets sealed at rest.
"""

from datetime import datetime
from enum import StrEnum, unique

import msgspec


@unique
class CardState(StrEnum):
    """Where an account is in its life (材料一 6.1)."""

    PREPARED = "prepared"
    ACTIVE = "active"
    CLOSED = "closed"


@unique
class Change(StrEnum):
    """What a row of an account's history tells."""

    REGISTERED = "registered"
    PREPARED = "prepared"
    ACTIVATED = "activated"
    REOPENED = "reopened"
    ALTERED = "altered"
    RELINKED = "relinked"
    BLACKLISTED = "blacklisted"
    RESTORED = "restored"
    CLOSED = "closed"
    MERGED = "merged"
    ABSORBED = "absorbed"
    SEPARATED = "separated"


class BoundCard(msgspec.Struct, frozen=True, gc=False):
    """A hospital or other card linked to the account (绑卡)."""

    card_type: str
    card_no: str
    bound_at: str
    is_default: bool = False


class Resident(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Who a card belongs to; every field is personal data."""

    id_type: str
    id_no: str
    user_name: str
    user_sex: str
    mobile_phone: str
    birthday: str = ""
    nation: str = ""
    telephone: str = ""
    address: str = ""
    work_unit: str = ""
    name_as_typed: str = ""
    cards: tuple[BoundCard, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def default_card(self) -> BoundCard | None:
        """The card whose number a hospital goes on with."""
        for card in self.cards:
            if card.is_default:
                return card
        return self.cards[0] if self.cards else None

    @property
    def birth_year(self) -> int | None:
        """The year of birth, if the birthday is known."""
        return int(self.birthday[:4]) if self.birthday else None


class CardAccount(msgspec.Struct, frozen=True, gc=False):
    """An account as it is stored, opened.

    `merged_into` is the EHCID of the account of the same person that goes on in its place.
    """

    ehcid: bytes
    mindex_id: str
    state: CardState
    blacklisted: bool
    resident: Resident
    revision: int
    merged_into: bytes | None = None

    @property
    def ehealth_card_id(self) -> str:
        """The EHCID as the wire prints it: 64 upper hex characters."""
        return self.ehcid.hex().upper()


class Applicant(msgspec.Struct, frozen=True, gc=False):
    """Someone who asks for a card: checked and normalised identity with the rest of the form."""

    resident: Resident
    apply_method: str
    certificate_mode: str
    photo: bytes | None = None

    @property
    def prepares(self) -> bool:
        """Whether the card is made in advance, without the resident (批量预生成)."""
        return self.apply_method == "4"


class Act(msgspec.Struct, frozen=True, gc=False):
    """One change of an account, as its history keeps it."""

    change: Change
    at: datetime
    platform_serial: str
    external_serial: str = ""
    changed_fields: tuple[str, ...] = ()
