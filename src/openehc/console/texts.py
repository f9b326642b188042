"""What a resident is told when something is refused: plain Chinese, no codes."""

from typing import Final

from openehc.kernel.refusal import Reason, Refusal

_TEXTS: Final = {
    Reason.CARD_UNKNOWN: "没有找到这张电子健康卡，请先注册。",
    Reason.CARD_CLOSED: "这张电子健康卡已注销。",
    Reason.CARD_BLACKLISTED: "这张电子健康卡已被停用，请联系发卡机构。",
    Reason.CARD_NOT_ACTIVE: "这张电子健康卡尚未激活，请先领取。",
    Reason.CARD_MERGED: "这张电子健康卡已并入您的另一张卡，请出示现用的卡。",
    Reason.CODE_EXPIRED: "二维码已过期，请刷新后重试。",
    Reason.CODE_NOT_ISSUED: "二维码无效，请刷新后重试。",
    Reason.CODE_MALFORMED: "这不是电子健康卡二维码，请重新出示。",
    Reason.VALID_MISSING: "二维码不完整，请重新出示。",
    Reason.VALID_WRONG: "二维码无效，请刷新后重试。",
    Reason.FOREIGN_CODE: "这张卡由其他地区签发，本机构暂时无法识别。",
    Reason.SUPPLEMENT_REQUIRED: "请出示动态二维码。",
    Reason.AUTHORISATION_UNKNOWN: "授权链接已使用或已过期，请在自助终端上重新发起。",
}


def for_resident(refusal: Refusal) -> str:
    """One sentence for the person at the phone."""
    return _TEXTS.get(refusal.reason, "暂时无法办理，请稍后重试。")
