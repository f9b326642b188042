"""The types that pass through the envelope; they carry the proof of what was checked.

Nothing here reads bytes or computes a digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique
from typing import Any, Protocol

import msgspec

from openehc.envelope.profile import MessageKeys, WireProfile

Fields = Mapping[str, Any]
"""Common fields as they came: str, None, or (plain biz_content only) an object."""


@unique
class SignatureStyle(Enum):
    """Which pair of names a client uses for its digest (methods/README row 1)."""

    DIGEST = "digest"
    SIGN = "sign"

    kind_field: str

    def __init__(self, value: str) -> None:
        """`kind_field` names the field that tells the algorithm."""
        self.kind_field = f"{value}_type"


@dataclass(frozen=True, slots=True)
class Caller:
    """An application that may speak: what the envelope needs to know of it.

    After a rotation of its secret `older` is the same application with the secret before,
    which works until `until`.
    """

    app_id: str
    profile: WireProfile
    keys: MessageKeys
    older: "Caller | None" = None
    until: datetime | None = None


class Callers(Protocol):
    """Who may speak."""

    def caller(self, app_id: str) -> Caller | None:
        """The application of that id, or None when there is none."""


class ReplyHead(msgspec.Struct, frozen=True, gc=False):
    """What a reply repeats of its request, and how it has to be signed."""

    app_id: str = ""
    app_id_field: str = "app_id"
    method: str = ""
    version: str = ""
    style: SignatureStyle = SignatureStyle.DIGEST
    caller: Caller | None = None


class OpenedRequest(msgspec.Struct, frozen=True, gc=False):
    """A message whose sender, freshness and integrity are proven, decrypted.

    The only type that a handler accepts.
    """

    head: ReplyHead
    caller: Caller
    term_id: str
    method: str
    biz: dict[str, Any]
    received_at: datetime
