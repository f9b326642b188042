"""Signed requests, good ones and one of each broken kind, and who may send them.

The application, its terminal and its secret are invented; the registers that know them
are the platform's own, filled in memory.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from openehc.access.model import Application, Institution, Terminal
from openehc.access.registry import Admission, Registers, Registry
from openehc.envelope.client_side import Credentials, seal_request
from openehc.envelope.message import OpenedRequest, SignatureStyle
from openehc.envelope.opening import OpeningRules, Unopened, open_request
from openehc.envelope.profile import NATIONAL
from openehc.kernel.refusal import Reason, Refusal

NOW: Final = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
"""08:30 in China."""

EHCIN: Final = "9901A0001"
EHCAPPID: Final = f"{EHCIN}XXTB0001"
METHOD: Final = "ehc.ehealthcode.verify"
BIZ: Final[Mapping[str, Any]] = {"ehealth_code": "A1", "operator_name": "窗口一"}
CLIENT: Final = Credentials("test-hospital-his", "Secret-0f-a-test-appl!cation-32c", "T-0001")
SIGNER: Final = replace(CLIENT, style=SignatureStyle.SIGN)
RULES: Final = OpeningRules()

INSTITUTION: Final = Institution(1, "99019901000000000A1001", "示例市第一医院")
APPLICATION: Final = Application(
    app_id=CLIENT.app_id,
    secret=CLIENT.secret,
    institution_id=1,
    app_name="示例医院信息系统",
    app_channel="601",
    ehcappid=EHCAPPID,
    grants=frozenset({METHOD}),
)
TERMINAL: Final = Terminal(CLIENT.term_id, 1, "门诊收费窗口1")
REGISTERS: Final = Registers((INSTITUTION,), (APPLICATION,), (TERMINAL,))


def registry(registers: Registers = REGISTERS) -> Registry:
    """The registers in memory, loaded."""
    filled = Registry(profiles={NATIONAL.name: NATIONAL})
    filled.replace(registers)
    return filled


def admission() -> Admission:
    """The test client at its terminal."""
    admitted = registry().admit(CLIENT.app_id, term_id=CLIENT.term_id, method=METHOD)
    assert not isinstance(admitted, Refusal)
    return admitted


def request(who: Credentials = CLIENT, **changes: Any) -> dict[str, Any]:
    """A good request; changed fields are signed as well, and None leaves a field out."""
    fields = {**seal_request(who, METHOD, dict(BIZ), now=NOW), **changes}
    kept = {name: value for name, value in fields.items() if value is not None}
    return {**kept, **signature(kept, who)}


def signature(fields: Mapping[str, Any], who: Credentials = CLIENT) -> dict[str, str]:
    """The pair of fields that signs `fields` in the client's own style."""
    kind, name = who.style.kind_field, who.style.value
    if kind not in fields:
        return {}
    return {name: NATIONAL.digest(fields, who.keys, without=("digest", "sign"))}


def sealed_biz(plain: bytes) -> str:
    """biz_content for any bytes, encrypted as the test client does."""
    return NATIONAL.seal_biz(plain, CLIENT.keys)


def as_bytes(fields: Mapping[str, Any]) -> bytes:
    """The message as it goes over the wire."""
    return json.dumps(fields, ensure_ascii=False).encode()


def opened(raw: bytes, *, now: datetime = NOW, rules: OpeningRules = RULES) -> OpenedRequest:
    """What the platform makes of a message."""
    return open_request(raw, callers=registry(), rules=rules, now=now)


def refusal_of(raw: bytes, *, now: datetime = NOW, rules: OpeningRules = RULES) -> Unopened:
    """The refusal of a message that must not be opened."""
    with pytest.raises(Unopened) as caught:
        opened(raw, now=now, rules=rules)
    return caught.value


def nested(levels: int) -> bytes:
    """A JSON object `levels` deep."""
    return b'{"a":' * levels + b"1" + b"}" * levels


def with_wrong_digest() -> bytes:
    """A good request whose last digit of the digest is another."""
    fields = request()
    last = "0" if fields["digest"][-1] != "0" else "1"
    return as_bytes({**fields, "digest": fields["digest"][:-1] + last})


def with_duplicate_key() -> bytes:
    """A good request in which term_id stands twice."""
    return as_bytes(request()).replace(b'{"app_id"', b'{"term_id": "T-0001", "app_id"', 1)


def _signed(**changes: Any) -> Callable[[], bytes]:
    return lambda: as_bytes(request(**changes))


def _biz(plain: bytes) -> Callable[[], bytes]:
    return lambda: as_bytes(request(biz_content=sealed_biz(plain)))


def _at(shift: timedelta) -> Callable[[], bytes]:
    return _signed(timestamp=NATIONAL.write_timestamp(NOW + shift))


BROKEN: Final[Mapping[str, tuple[Callable[[], bytes], Reason]]] = {
    "empty body": (lambda: b"", Reason.EMPTY_BODY),
    "blank body": (lambda: b" \r\n\t", Reason.EMPTY_BODY),
    "not JSON": (lambda: b"app_id=1&method=2", Reason.UNREADABLE_MESSAGE),
    "cut off": (lambda: as_bytes(request())[:-1], Reason.UNREADABLE_MESSAGE),
    "byte order mark": (lambda: b"\xef\xbb\xbf" + as_bytes(request()), Reason.UNREADABLE_MESSAGE),
    "GBK text": (lambda: '{"term_id":"窗口"}'.encode("gbk"), Reason.UNREADABLE_MESSAGE),
    "array": (lambda: b"[1]", Reason.UNREADABLE_MESSAGE),
    "string": (lambda: b'"text"', Reason.UNREADABLE_MESSAGE),
    "NUL byte": (lambda: b'{"term_id":"T\x00"}', Reason.UNREADABLE_MESSAGE),
    "NaN": (lambda: b'{"term_id":NaN}', Reason.UNREADABLE_MESSAGE),
    "duplicate key": (with_duplicate_key, Reason.UNREADABLE_MESSAGE),
    "lone surrogate": (lambda: b'{"term_id":"\\ud800"}', Reason.UNREADABLE_MESSAGE),
    "100 levels deep": (lambda: nested(100), Reason.UNREADABLE_MESSAGE),
    "100,000 levels deep": (lambda: nested(100_000), Reason.UNREADABLE_MESSAGE),
    "number for a string": (_signed(term_id=7), Reason.FIELDS_WRONG),
    "list for a string": (_signed(method=["x"]), Reason.FIELDS_WRONG),
    "no app_id": (_signed(app_id=None), Reason.APP_ID_MISSING),
    "empty app_id": (_signed(app_id=""), Reason.APP_ID_MISSING),
    "blank app_id": (_signed(app_id="  "), Reason.APP_ID_MISSING),
    "no term_id": (_signed(term_id=None), Reason.TERM_ID_MISSING),
    "blank term_id": (_signed(term_id=" "), Reason.TERM_ID_MISSING),
    "no method": (_signed(method=None), Reason.METHOD_MISSING),
    "blank method": (_signed(method="  "), Reason.METHOD_MISSING),
    "unknown app_id": (_signed(app_id="nobody"), Reason.APP_UNKNOWN),
    "unknown version": (_signed(version="2.0.0"), Reason.VERSION_UNSUPPORTED),
    "no version": (_signed(version=None), Reason.VERSION_UNSUPPORTED),
    "DES": (_signed(enc_type="DES"), Reason.CIPHER_UNKNOWN),
    "no enc_type": (_signed(enc_type=None), Reason.CIPHER_UNKNOWN),
    "MD5 digest": (_signed(digest_type="MD5"), Reason.DIGEST_KIND_UNKNOWN),
    "MD5 sign": (_signed(sign_type="MD5", sign="0"), Reason.DIGEST_KIND_UNKNOWN),
    "no timestamp": (_signed(timestamp=None), Reason.TIMESTAMP_STALE),
    "17-digit timestamp": (_signed(timestamp="20260301083000123"), Reason.TIMESTAMP_STALE),
    "February 30": (_signed(timestamp="20260230083000"), Reason.TIMESTAMP_STALE),
    "timestamp too old": (_at(timedelta(minutes=-16)), Reason.TIMESTAMP_STALE),
    "timestamp ahead": (_at(timedelta(minutes=16)), Reason.TIMESTAMP_STALE),
    "wrong digest": (with_wrong_digest, Reason.DIGEST_WRONG),
    "no digest": (lambda: as_bytes({**request(), "digest": ""}), Reason.DIGEST_WRONG),
    "other secret": (_signed(key="another secret"), Reason.DIGEST_WRONG),
    "no biz_content": (_signed(biz_content=None), Reason.FIELDS_WRONG),
    "biz_content in clear": (_signed(biz_content={"a": "b"}), Reason.FIELDS_WRONG),
    "biz_content not hex": (_signed(biz_content="no hex"), Reason.UNDECRYPTABLE),
    "biz_content cut off": (_signed(biz_content="AB" * 15), Reason.UNDECRYPTABLE),
    "biz_content of another key": (_signed(biz_content="AB" * 32), Reason.UNDECRYPTABLE),
    "biz_content an array": (_biz(b"[1]"), Reason.UNREADABLE_MESSAGE),
    "biz_content with a key twice": (_biz(b'{"a":"1","a":"2"}'), Reason.UNREADABLE_MESSAGE),
    "biz_content too deep": (_biz(nested(33)), Reason.UNREADABLE_MESSAGE),
}
"""Each kind of message that is refused, with its reason."""
