"""The other end of the wire: sealing a request and opening its reply.

Used by the command line, the load generator and the tests; holds no connection.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from openehc.envelope.message import SignatureStyle
from openehc.envelope.profile import NATIONAL, MessageKeys, WireProfile, same_digest
from openehc.envelope.reading import read_object


class ReplyNotAuthentic(ValueError):
    """The reply's digest is absent or wrong."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An application at its terminal, ready to sign."""

    app_id: str
    secret: str = field(repr=False)
    term_id: str
    profile: WireProfile = NATIONAL
    version: str = "X.M.0.1"
    style: SignatureStyle = SignatureStyle.DIGEST
    keys: MessageKeys = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Derive the message keys once."""
        object.__setattr__(self, "keys", self.profile.prepare(self.secret))


def seal_request(
    who: Credentials, method: str, biz: dict[str, Any], *, now: datetime
) -> dict[str, Any]:
    """The common fields of a request, encrypted and signed."""
    style = who.style
    fields: dict[str, Any] = {
        "app_id": who.app_id,
        "term_id": who.term_id,
        "method": method,
        "version": who.version,
        "timestamp": who.profile.write_timestamp(now),
        "enc_type": who.profile.cipher_kind,
        style.kind_field: who.profile.digest_kind,
        "biz_content": who.profile.seal_biz(msgspec.json.encode(biz), who.keys),
    }
    fields[style.value] = who.profile.digest(fields, who.keys, without=("digest", "sign"))
    return fields


def open_reply(who: Credentials, raw: bytes) -> dict[str, Any]:
    """The common fields of a reply with biz_content decrypted to an object.

    Raises `ReplyNotAuthentic`; a reply of a platform that does not know the
    application cannot be signed and is returned with `authentic` False.
    """
    fields = read_object(raw)
    given = fields.get(who.style.value)
    if not given and fields.get("ret_code") != "0000":
        return {**fields, "authentic": False}
    without = ("digest", "sign") if who.style is SignatureStyle.SIGN else ("digest",)
    expected = who.profile.digest(fields, who.keys, without=without)
    if not isinstance(given, str) or not same_digest(given, expected):
        raise ReplyNotAuthentic("应答摘要缺失或不正确：请核对应用密钥")
    biz = fields.get("biz_content")
    opened = read_object(who.profile.open_biz(biz, who.keys)) if biz else None
    return {**fields, "biz_content": opened, "authentic": True}
