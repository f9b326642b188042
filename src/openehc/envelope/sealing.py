"""From an answer to the bytes of a reply: encrypt first, then digest (材料三 附录A 3.4).

A failure carries only the common fields; a reply carries a digest whenever the
application's secret is known (gaps.md 39). Knows no return codes but as text.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from openehc.envelope.message import ReplyHead, SignatureStyle
from openehc.kernel.clock import wire_time

MESSAGE_LIMIT: Final = 200
"""ret_msg is String(200)."""

_encode: Final = msgspec.json.Encoder().encode
_WITHOUT: Final = {
    SignatureStyle.DIGEST: frozenset({"digest"}),
    SignatureStyle.SIGN: frozenset({"digest", "sign"}),
}


def seal_reply(
    head: ReplyHead,
    *,
    code: str,
    message: str,
    now: datetime,
    biz: Mapping[str, object] | None = None,
) -> bytes:
    """The reply as JSON bytes; `biz` (anything msgspec encodes) only on success."""
    fields: dict[str, Any] = {"ret_code": code, "ret_msg": message[:MESSAGE_LIMIT]}
    if head.app_id:
        fields[head.app_id_field] = head.app_id
    if head.method:
        fields["method"] = head.method
    if head.version:
        fields["version"] = head.version
    caller = head.caller
    if caller is None:
        fields["timestamp"] = wire_time(now)
        return _encode(fields)
    profile = caller.profile
    fields["timestamp"] = profile.write_timestamp(now)
    if biz is not None:
        fields["enc_type"] = profile.cipher_kind
        fields["biz_content"] = profile.seal_biz(_encode(biz), caller.keys)
    fields[head.style.kind_field] = profile.digest_kind
    digest = profile.digest(fields, caller.keys, without=_WITHOUT[head.style])
    fields[head.style.value] = digest
    return _encode(fields)
