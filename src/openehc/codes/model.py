"""The string in a QR code and what surrounds it.

Reads and decides nothing.
"""

from datetime import datetime
from enum import StrEnum, unique

import msgspec

from openehc.cards.model import CardAccount


@unique
class Tag(StrEnum):
    """Second segment of the code (材料一 5.1.2)."""

    DYNAMIC = "0"
    STATIC = "1"


class ParsedCode(msgspec.Struct, frozen=True, gc=False):
    """A code taken apart; `channel` is the issuing channel as it was printed."""

    ehcid: bytes
    tag: Tag
    valid: str
    channel: str

    @property
    def text(self) -> str:
        """The four-part form of 材料一 5.1.2, upper case."""
        return code_text(self.ehcid, self.tag, self.valid, self.channel)


def code_text(ehcid: bytes, tag: Tag, valid: str, channel: str) -> str:
    """EHCID:TAG:VALID:EHCAPPID; VALID is empty in a static code."""
    return f"{ehcid.hex().upper()}:{tag.value}:{valid}:{channel}"


class IssueRecord(msgspec.Struct, frozen=True, gc=False):
    """What is kept of a dynamic code that was issued."""

    channels: tuple[str, ...]
    revoked: bool


class Presented(msgspec.Struct, frozen=True, gc=False):
    """A code with all that is known of it when it is judged."""

    code: ParsedCode
    account: CardAccount | None
    identity_matches: bool
    expires_at: datetime | None
    issued: IssueRecord | None


class IssuedCode(msgspec.Struct, frozen=True, gc=False):
    """A code that was made."""

    account: CardAccount
    text: str
    tag: Tag
    expires_at: datetime | None
    platform_serial: str


@unique
class SupplementPolicy(StrEnum):
    """What a static code needs beside itself, for one treatment code (材料一 5.2.3)."""

    OFF = "off"
    WARN = "warn"
    REQUIRE = "require"


@unique
class AuthorisationStatus(StrEnum):
    """Dictionary auth_status (004 4.5)."""

    WAITING = "ing"
    GRANTED = "succ"
    FAILED = "fail"
    CANCELLED = "cancel"
