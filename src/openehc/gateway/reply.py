"""The one place where a `Refusal` becomes a return code (附录E 8; 004 附录1).

Texts come from the table of return codes; nothing else in the platform names a code.
"""

from typing import Final

from openehc.envelope.sealing import MESSAGE_LIMIT
from openehc.kernel.refusal import Reason, Refusal
from openehc.spec import Spec

SUCCESS: Final = "0000"

CODE_OF: Final = {
    Reason.EMPTY_BODY: "8003",
    Reason.UNREADABLE_MESSAGE: "9008",
    Reason.APP_ID_MISSING: "1001",
    Reason.TERM_ID_MISSING: "1002",
    Reason.VERSION_UNSUPPORTED: "1003",
    Reason.METHOD_MISSING: "1004",
    Reason.METHOD_UNKNOWN: "1005",
    Reason.CIPHER_UNKNOWN: "1006",
    Reason.DIGEST_KIND_UNKNOWN: "1007",
    Reason.APP_UNKNOWN: "1008",
    Reason.TERMINAL_UNKNOWN: "1009",
    Reason.NOT_GRANTED: "1010",
    Reason.NETWORK_FORBIDDEN: "1010",
    Reason.CERTIFICATE_FORBIDDEN: "1010",
    Reason.RATE_EXCEEDED: "3003",
    Reason.QUOTA_USED: "3003",
    Reason.DIGEST_WRONG: "9003",
    Reason.UNDECRYPTABLE: "9007",
    Reason.TIMESTAMP_STALE: "9001",
    Reason.FIELDS_WRONG: "9001",
    Reason.SERIAL_REPEATED: "3002",
    Reason.SERIAL_IN_FLIGHT: "3003",
    Reason.CARD_UNKNOWN: "3001",
    Reason.NAME_CONFLICT: "9001",
    Reason.IDENTITY_WRONG: "9001",
    Reason.CARD_CLOSED: "9998",
    Reason.CARD_BLACKLISTED: "9998",
    Reason.CARD_NOT_ACTIVE: "9998",
    Reason.CARD_MERGED: "9998",
    Reason.CODE_MALFORMED: "2002",
    Reason.CODE_NOT_ISSUED: "2002",
    Reason.CODE_EXPIRED: "2001",
    Reason.VALID_MISSING: "2003",
    Reason.VALID_WRONG: "2004",
    Reason.FOREIGN_CODE: "9005",
    Reason.SUPPLEMENT_REQUIRED: "9998",
    Reason.AUTHORISATION_UNKNOWN: "3001",
    Reason.RECORD_UNKNOWN: "3001",
    Reason.RECORD_EXISTS: "9998",
    Reason.RECORD_CHANGED: "9998",
    Reason.STATE_FORBIDS: "9998",
    Reason.INPUT_WRONG: "9001",
    Reason.OUT_OF_SCOPE: "1010",
    Reason.APPROVAL_NEEDED: "9998",
    Reason.SIGN_IN_REFUSED: "1010",
    Reason.CAPTCHA_NEEDED: "1010",
    Reason.TOTP_NEEDED: "1010",
    Reason.TOO_MANY_TRIES: "1010",
    Reason.LOOKS_TOO_MANY: "3003",
    Reason.DATABASE_DOWN: "8005",
    Reason.DATABASE_FAULT: "8007",
    Reason.CRYPTO_MODULE_DOWN: "2005",
    Reason.OVERLOADED: "3003",
    Reason.INTERNAL: "8009",
}

DETAIL_OF: Final = {
    Reason.NETWORK_FORBIDDEN: "来源地址不在应用登记的网段内",
    Reason.CERTIFICATE_FORBIDDEN: "本次连接未出示应用登记的客户端证书",
    Reason.RATE_EXCEEDED: "超过应用的每秒调用上限，请降低频率后重试",
    Reason.QUOTA_USED: "超过应用当日的调用配额",
    Reason.NAME_CONFLICT: "该证件已用其他姓名注册，请核对证件或人工处理",
    Reason.CARD_CLOSED: "电子健康卡已注销",
    Reason.CARD_BLACKLISTED: "电子健康卡已列入黑名单",
    Reason.CARD_NOT_ACTIVE: "电子健康卡尚未激活",
    Reason.CARD_MERGED: "该电子健康卡已并入本人的另一张卡，请出示现用的卡",
    Reason.CODE_NOT_ISSUED: "该动态码不是本平台签发的，请刷新二维码",
    Reason.FOREIGN_CODE: "该码由其他节点签发，本节点尚未接入跨域认证",
    Reason.SUPPLEMENT_REQUIRED: "静态码须补充身份鉴别(supplement_mode)或改用动态码",
    Reason.AUTHORISATION_UNKNOWN: "授权不存在",
    Reason.RECORD_EXISTS: "该记录已存在",
    Reason.RECORD_CHANGED: "该记录已被他人修改，请重新查询后再试",
    Reason.STATE_FORBIDS: "该记录的当前状态不允许此操作",
    Reason.APPROVAL_NEEDED: "此操作须经第二人批准",
    Reason.OVERLOADED: "平台繁忙，请稍后重试",
}
"""What is added to the official text when the refusal itself says nothing more."""


def code_and_message(refusal: Refusal, spec: Spec) -> tuple[str, str]:
    """The return code and ret_msg (at most 200 characters) of a refusal."""
    code = CODE_OF[refusal.reason]
    text = spec.return_code(code).text
    detail = refusal.detail or DETAIL_OF.get(refusal.reason, "")
    return code, (f"{text}：{detail}" if detail else text)[:MESSAGE_LIMIT]
