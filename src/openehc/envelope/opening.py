"""From received bytes to an `OpenedRequest`; the order is what security depends on.

 1. size and JSON                        材料三 附录A 3.1
 2. the common fields are there          材料三 附录A 3.3
 3. the application is known             材料一 7.3
 4. its version, digest and cipher kinds are accepted
 5. the timestamp is fresh               材料三 附录A 3.2
 6. the digest is right                  材料三 附录A 3.4.2  (digest first,
 7. the body decrypts                    材料三 附录A 3.4.1   then decrypt)

Which method, which terminal and which grant is asked for is not looked at here.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from openehc.envelope.message import Caller, Callers, OpenedRequest, ReplyHead, SignatureStyle
from openehc.envelope.profile import UnreadableBiz, same_digest
from openehc.envelope.reading import UnreadableJson, read_object
from openehc.kernel.refusal import Reason, Refusal

SIZE_LIMIT: Final = 1 << 20
APP_ID_FIELDS: Final = ("app_id", "ehcnet_app_id", "echnet_app_id")
_ECHO_LIMIT: Final = 64
_WITHOUT_DIGEST: Final = frozenset({"digest"})
_WITHOUT_SIGN: Final = frozenset({"digest", "sign"})
_STYLES: Final = tuple(SignatureStyle)


@dataclass(frozen=True, slots=True)
class OpeningRules:
    """What the node asks of every message.

    `window` is how far a timestamp may lie from the node's clock, either way;
    None lets any time through (debugging only). Messages over `SIZE_LIMIT` bytes
    are only taken for the methods in `large_methods`, which carry a photo.
    """

    window: timedelta | None = timedelta(minutes=15)
    large_methods: frozenset[str] = frozenset()


class Unopened(Exception):
    """The message was refused; holds how to answer it."""

    def __init__(self, refusal: Refusal, head: ReplyHead) -> None:
        super().__init__(refusal.reason.value)
        self.refusal = refusal
        self.head = head


def open_request(
    raw: bytes, *, callers: Callers, rules: OpeningRules, now: datetime
) -> OpenedRequest:
    """Check and decrypt a received message; raises `Unopened` with the first refusal."""
    # 1. size and JSON
    fields = _read(raw)
    method = _text(fields, "method").strip()
    head = _head(fields, method)
    if len(raw) > SIZE_LIMIT and method not in rules.large_methods:
        raise Unopened(Refusal(Reason.UNREADABLE_MESSAGE, "报文超过1MiB"), head)
    # 2. the common fields are there
    _require_common(fields, method, head)
    # 3. the application is known
    caller = callers.caller(head.app_id)
    if caller is None:
        raise Unopened(Refusal(Reason.APP_UNKNOWN), head)
    # 4. version, digest and cipher kinds; the reply can be signed from here on
    head = msgspec.structs.replace(head, caller=caller)
    _require_kinds(fields, caller, head)
    # 5. the timestamp is fresh
    _require_fresh(fields, caller, rules, now, head)
    # 6. the digest is right
    proven = _require_digest(fields, caller, now, head)
    if proven is not caller:  # the secret before a rotation: the reply is made with it, too
        caller, head = proven, msgspec.structs.replace(head, caller=proven)
    # 7. the body decrypts
    biz = _open_biz(fields, caller, head)
    return OpenedRequest(
        head=head, caller=caller, term_id=fields["term_id"], method=method,
        biz=biz, received_at=now,
    )  # fmt: skip


def _read(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        raise Unopened(Refusal(Reason.EMPTY_BODY), ReplyHead())
    try:
        return read_object(raw)
    except UnreadableJson as broken:
        raise Unopened(Refusal(Reason.UNREADABLE_MESSAGE, str(broken)), ReplyHead()) from None


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _head(fields: dict[str, Any], method: str) -> ReplyHead:
    app_id_field, app_id = _app_id(fields)
    return ReplyHead(
        app_id=app_id[:_ECHO_LIMIT],
        app_id_field=app_id_field,
        method=method[:_ECHO_LIMIT],
        version=_text(fields, "version")[:_ECHO_LIMIT],
        style=_style(fields),
    )


def _app_id(fields: dict[str, Any]) -> tuple[str, str]:
    """By which name the application calls itself what."""
    for name in APP_ID_FIELDS:
        app_id = _text(fields, name)
        if app_id:
            return name, app_id
    return APP_ID_FIELDS[0], ""


def _style(fields: dict[str, Any]) -> SignatureStyle:
    if fields.get("digest") or fields.get("digest_type"):
        return SignatureStyle.DIGEST
    if fields.get("sign") or fields.get("sign_type"):
        return SignatureStyle.SIGN
    return SignatureStyle.DIGEST


def _require_common(fields: dict[str, Any], method: str, head: ReplyHead) -> None:
    for value in fields.values():
        if type(value) is not str and value is not None:
            _refuse_types(fields, head)
            break
    if not head.app_id.strip():
        raise Unopened(Refusal(Reason.APP_ID_MISSING), head)
    if not _text(fields, "term_id").strip():
        raise Unopened(Refusal(Reason.TERM_ID_MISSING), head)
    if not method:
        raise Unopened(Refusal(Reason.METHOD_MISSING), head)


def _refuse_types(fields: dict[str, Any], head: ReplyHead) -> None:
    """Only biz_content may be something else than text: an object, when it is not encrypted."""
    wrong = [name for name, value in fields.items() if not isinstance(value, str | None)]
    if wrong != ["biz_content"]:
        names = "、".join(sorted(name[:_ECHO_LIMIT] for name in wrong)[:10])
        raise Unopened(Refusal(Reason.FIELDS_WRONG, f"公共参数应为字符串：{names}"), head)


def _require_kinds(fields: dict[str, Any], caller: Caller, head: ReplyHead) -> None:
    profile = caller.profile
    if fields.get("version") not in profile.versions:
        accepted = "、".join(sorted(profile.versions))
        raise Unopened(Refusal(Reason.VERSION_UNSUPPORTED, f"支持的版本：{accepted}"), head)
    if _text(fields, "enc_type") not in profile.cipher_kinds:
        accepted = "、".join(sorted(profile.cipher_kinds))
        raise Unopened(Refusal(Reason.CIPHER_UNKNOWN, f"支持的enc_type：{accepted}"), head)
    for style in _STYLES:
        kind = fields.get(style.kind_field)
        if (kind or fields.get(style.value)) and kind not in profile.digest_kinds:
            accepted = "、".join(sorted(profile.digest_kinds))
            detail = f"支持的{style.kind_field}：{accepted}"
            raise Unopened(Refusal(Reason.DIGEST_KIND_UNKNOWN, detail), head)


def _require_fresh(
    fields: dict[str, Any], caller: Caller, rules: OpeningRules, now: datetime, head: ReplyHead
) -> None:
    moment = caller.profile.read_timestamp(_text(fields, "timestamp"))
    if moment is None:
        detail = "timestamp应为yyyyMMddHHmmss或13位毫秒数"
        raise Unopened(Refusal(Reason.TIMESTAMP_STALE, detail), head)
    if rules.window is not None and abs(now - moment) > rules.window:
        minutes = int(rules.window.total_seconds() // 60)
        server = caller.profile.write_timestamp(now)
        detail = f"timestamp与平台时间{server}相差超过{minutes}分钟，请校准时钟"
        raise Unopened(Refusal(Reason.TIMESTAMP_STALE, detail), head)


def _require_digest(
    fields: dict[str, Any], caller: Caller, now: datetime, head: ReplyHead
) -> Caller:
    """The caller with the secret that made the digest: the present one, or the one before."""
    if not _digest_is_right(fields, caller):
        older = caller.older
        if older is None or older.until is None or now >= older.until:
            raise Unopened(Refusal(Reason.DIGEST_WRONG), head)
        if not _digest_is_right(fields, older):
            raise Unopened(Refusal(Reason.DIGEST_WRONG), head)
        caller = older
    key = _text(fields, "key")
    if key and not hmac.compare_digest(key.encode(), caller.keys.secret.encode()):
        raise Unopened(Refusal(Reason.DIGEST_WRONG, "key与应用密钥不一致"), head)
    return caller


def _digest_is_right(fields: dict[str, Any], caller: Caller) -> bool:
    profile, keys = caller.profile, caller.keys
    digest, sign = _text(fields, "digest"), _text(fields, "sign")
    right = bool(digest or sign)
    if digest:
        right = same_digest(digest, profile.digest(fields, keys, without=_WITHOUT_DIGEST))
        if not right and sign:  # clients that fill both leave both out of both
            right = same_digest(digest, profile.digest(fields, keys, without=_WITHOUT_SIGN))
    if sign:
        right &= same_digest(sign, profile.digest(fields, keys, without=_WITHOUT_SIGN))
    return right


def _open_biz(fields: dict[str, Any], caller: Caller, head: ReplyHead) -> dict[str, Any]:
    content = fields.get("biz_content")
    if not content:
        raise Unopened(Refusal(Reason.FIELDS_WRONG, "biz_content必填"), head)
    if not isinstance(content, str):
        if fields.get("enc_type") or not isinstance(content, dict):
            raise Unopened(Refusal(Reason.FIELDS_WRONG, "biz_content应为字符串"), head)
        return content
    try:
        if fields.get("enc_type"):
            return read_object(caller.profile.open_biz(content, caller.keys))
        return read_object(content.encode())
    except UnreadableBiz:
        raise Unopened(Refusal(Reason.UNDECRYPTABLE), head) from None
    except UnreadableJson as broken:
        refusal = Refusal(Reason.UNREADABLE_MESSAGE, f"biz_content：{broken}")
        raise Unopened(refusal, head) from None
