"""Decisions over card accounts: pure, they take what was loaded and say what to do.

Reads no clock and no database.
"""

from enum import Enum, unique

from openehc.cards.model import Applicant, BoundCard, CardAccount, CardState, Resident
from openehc.kernel.refusal import Reason, Refusal

MOST_CARDS = 20
"""How many cards one account may have bound."""


@unique
class Registration(Enum):
    """What a registration does to the account that was found for the document."""

    CREATE = "no account: open one"
    RETURN = "the person has a card: give it back unchanged"
    ACTIVATE = "the card was made in advance and its owner asks for it now"
    REOPEN = "the person closed the card and registers again"
    REPLACE = "the document's account was closed under another name"
    FOLLOW = "the document's account was merged: give back the one that survived"


def judge_registration(found: CardAccount | None, applicant: Applicant) -> Registration | Refusal:
    """What to do with an applicant (材料一 5.2.1, 6.1; gaps.md 33, 36).

    The same document under another name is never overwritten while its card lives.
    """
    if found is None:
        return Registration.CREATE
    same_name = found.resident.user_name == applicant.resident.user_name
    if found.blacklisted:
        return Refusal(Reason.CARD_BLACKLISTED)
    if found.state is CardState.CLOSED and not found.merged_into:
        return Registration.REOPEN if same_name else Registration.REPLACE
    if not same_name:
        return Refusal(Reason.NAME_CONFLICT)
    if found.merged_into:
        return Registration.FOLLOW
    prepared = found.state is CardState.PREPARED and not applicant.prepares
    return Registration.ACTIVATE if prepared else Registration.RETURN


def judge_standing(account: CardAccount) -> Refusal | None:
    """Whether the account may be used: not closed, not black-listed, not merely prepared."""
    if account.blacklisted:
        return Refusal(Reason.CARD_BLACKLISTED)
    if account.merged_into:
        return Refusal(Reason.CARD_MERGED)
    if account.state is CardState.CLOSED:
        return Refusal(Reason.CARD_CLOSED)
    if account.state is CardState.PREPARED:
        return Refusal(Reason.CARD_NOT_ACTIVE)
    return None


def judge_change(account: CardAccount | None) -> Refusal | None:
    """Whether the account's data may be changed; a prepared card may."""
    if account is None:
        return Refusal(Reason.CARD_UNKNOWN)
    if account.blacklisted:
        return Refusal(Reason.CARD_BLACKLISTED)
    if account.merged_into:
        return Refusal(Reason.CARD_MERGED)
    if account.state is CardState.CLOSED:
        return Refusal(Reason.CARD_CLOSED)
    return None


def one_default(cards: tuple[BoundCard, ...]) -> tuple[BoundCard, ...]:
    """The same cards with exactly one default: the last that claims it, else the first."""
    if not cards:
        return ()
    chosen = max((i for i, card in enumerate(cards) if card.is_default), default=0)
    return tuple(
        BoundCard(card.card_type, card.card_no, card.bound_at, i == chosen)
        for i, card in enumerate(cards)
    )


def with_cards_bound(
    held: tuple[BoundCard, ...], added: tuple[BoundCard, ...]
) -> tuple[BoundCard, ...] | Refusal:
    """`held` and `added` together; a card that is held already keeps its binding time."""
    merged = {(card.card_type, card.card_no): card for card in held}
    wants_default = any(card.is_default for card in added)
    if wants_default:
        merged = {
            key: BoundCard(card.card_type, card.card_no, card.bound_at)
            for key, card in merged.items()
        }
    for card in added:
        key = (card.card_type, card.card_no)
        bound_at = merged[key].bound_at if key in merged else card.bound_at
        default = card.is_default or (key in merged and merged[key].is_default)
        merged[key] = BoundCard(card.card_type, card.card_no, bound_at, default)
    if len(merged) > MOST_CARDS:
        return Refusal(Reason.FIELDS_WRONG, f"card_list(绑定卡合计不超过{MOST_CARDS}张)")
    return one_default(tuple(merged.values()))


def with_cards_unbound(
    held: tuple[BoundCard, ...], removed: tuple[BoundCard, ...]
) -> tuple[BoundCard, ...] | Refusal:
    """`held` without `removed`; unbinding a card that is not bound is refused."""
    gone = {(card.card_type, card.card_no) for card in removed}
    if not gone <= {(card.card_type, card.card_no) for card in held}:
        return Refusal(Reason.CARD_UNKNOWN, "要解绑的卡未绑定在该电子健康卡上")
    return one_default(tuple(card for card in held if (card.card_type, card.card_no) not in gone))


def without_card_at(held: tuple[BoundCard, ...], position: int) -> tuple[BoundCard, ...] | Refusal:
    """`held` without the card at this place."""
    if not 0 <= position < len(held):
        return _no_card_there()
    return one_default((*held[:position], *held[position + 1 :]))


def with_default_at(held: tuple[BoundCard, ...], position: int) -> tuple[BoundCard, ...] | Refusal:
    """`held` with the card at this place as the only default."""
    if not 0 <= position < len(held):
        return _no_card_there()
    return tuple(
        BoundCard(card.card_type, card.card_no, card.bound_at, place == position)
        for place, card in enumerate(held)
    )


def _no_card_there() -> Refusal:
    return Refusal(Reason.CARD_UNKNOWN, "该位置没有绑定卡", "no card is bound at this position")


def changed_fields(before: Resident, after: Resident) -> tuple[str, ...]:
    """The names of the fields in which two states of a resident differ."""
    return tuple(
        name for name in Resident.__struct_fields__ if getattr(before, name) != getattr(after, name)
    )
