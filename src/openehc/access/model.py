"""Institutions, applications and terminals as the registers know them.

Decides nothing and reads nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from ipaddress import IPv4Network, IPv6Network
from typing import Final


@unique
class Standing(StrEnum):
    """How far an entry of a register came; only an active one may work."""

    APPLIED = "applied"
    REFUSED = "refused"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    BLACKLISTED = "blacklisted"
    EXITED = "exited"


@unique
class Medium(StrEnum):
    """How a card is used: 附录E 6.2.2 online_or_offline."""

    ONLINE = "online"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Institution:
    """An institution (接入机构, 表6.3), as far as serving requests needs it."""

    institution_id: int
    org_code: str
    org_name: str
    standing: Standing = Standing.ACTIVE


@dataclass(frozen=True, slots=True)
class Limits:
    """What an application may use; None and nothing in it limit nothing.

    Requests, per second and per day; where it comes from; the SHA-256 (hexadecimal) of the
    TLS certificates of which its connection has to show one.
    """

    rate_limit: int | None = None
    daily_quota: int | None = None
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    certificates: frozenset[str] = frozenset()


NO_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Application:
    """A client application (客户端应用软件, 表7.1) with its credentials and grants.

    An application whose secret was revoked has "" in its place. `previous_secret` works
    until `previous_until`.
    """

    app_id: str
    secret: str = field(repr=False)
    institution_id: int
    app_name: str
    app_channel: str
    ehcappid: str
    grants: frozenset[str]
    standing: Standing = Standing.ACTIVE
    wire_profile: str = "national"
    previous_secret: str = field(default="", repr=False)
    previous_until: datetime | None = None
    limits: Limits = NO_LIMITS
    application_id: int = field(default=0, compare=False)

    @property
    def medium(self) -> Medium:
        """Online for applications in the resident's hand, else offline (gaps.md 53)."""
        return medium_of_component(self.ehcappid)


@dataclass(frozen=True, slots=True)
class Terminal:
    """A reading terminal (识读终端, 表6.4)."""

    term_id: str
    institution_id: int
    term_name: str
    standing: Standing = Standing.ACTIVE
    terminal_id: int = field(default=0, compare=False)


def medium_of_component(ehcappid: str) -> Medium:
    """The medium that the component kind in an EHCAPPID (附录D.2) stands for."""
    kind = ehcappid[9:12]
    return Medium.ONLINE if kind in {"APP", "GZH", "XCX", "FWH", "SHH"} else Medium.OFFLINE
