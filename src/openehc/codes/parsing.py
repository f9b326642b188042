"""Reading the string of a QR code as scanners, keyboards and older platforms deliver it.

Accepts more than it would ever emit; every refusal says in words what was scanned.
"""

import re
from typing import Final

from openehc.access.numbers import EHCIN_LENGTH, looks_like_ehcappid, looks_like_ehcin
from openehc.codes.model import ParsedCode, Tag
from openehc.kernel.refusal import Reason, Refusal

LENGTH_LIMIT: Final = 256
_CANONICAL: Final = re.compile(
    r"([0-9A-F]{64}):(?:(0):([0-9A-F]{32})|(1):):(\d{4}[A-FX]\d{4}[A-Z]{3}[A-FX]\d{4})", re.ASCII
)
"""The form that is emitted: recognised at once, everything else is read part by part."""

_EHCID: Final = re.compile(r"[0-9A-F]{64}", re.ASCII)
_VALID: Final = re.compile(r"[0-9A-F]{32}", re.ASCII)
_LEGACY_CHANNEL: Final = re.compile(r"\d{11}", re.ASCII)
_HALF_WIDTH: Final = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(map(ord, " \t\r\n\u3000\ufeff\u200b")),
}
_PARTS: Final = 4


def parse_code(text: str) -> ParsedCode | Refusal:
    """Take a code apart (材料一 5.1.2, integration.md; gaps.md 10).

    A scan gun under a Chinese input method types full-width signs; older platforms
    leave an empty part before the channel. Both are read.
    """
    canonical = _CANONICAL.fullmatch(text)
    if canonical:
        ehcid, dynamic, valid, _static, channel = canonical.groups("")
        tag = Tag.DYNAMIC if dynamic else Tag.STATIC
        return ParsedCode(bytes.fromhex(ehcid), tag, valid, channel)
    if len(text) > LENGTH_LIMIT:
        return _malformed(f"二维码内容超过{LENGTH_LIMIT}个字符")
    plain = text.translate(_HALF_WIDTH).upper()
    parts = plain.split(":")
    if len(parts) == _PARTS + 1 and not parts[3]:
        del parts[3]
    if not _EHCID.fullmatch(parts[0]):
        return _malformed("不是电子健康卡二维码：第一段应为64位十六进制的电子健康卡ID")
    if len(parts) < _PARTS:
        return _malformed("这是电子健康卡ID，不是二维码：请扫描完整的二维码")
    if len(parts) > _PARTS:
        return _malformed("二维码应由四段组成")
    return _checked(*parts)


def _checked(ehcid: str, tag: str, valid: str, channel: str) -> ParsedCode | Refusal:
    if tag not in {Tag.DYNAMIC, Tag.STATIC}:
        return _malformed("二维码类型标识应为0或1")
    if not _known_channel(channel):
        return _malformed("签发渠道号不合法")
    if tag == Tag.STATIC and valid:
        return _malformed("静态二维码的有效时间应为空")
    if tag == Tag.DYNAMIC and not valid:
        return Refusal(Reason.VALID_MISSING)
    if tag == Tag.DYNAMIC and not _VALID.fullmatch(valid):
        return Refusal(Reason.VALID_WRONG, "有效时间应为32位十六进制")
    return ParsedCode(bytes.fromhex(ehcid), Tag(tag), valid, channel)


def _known_channel(channel: str) -> bool:
    return (
        looks_like_ehcappid(channel)
        or looks_like_ehcin(channel)
        or bool(_LEGACY_CHANNEL.fullmatch(channel))
    )


def issuer_of(code: ParsedCode, *, own: str, legacy: dict[str, str]) -> str:
    """The EHCIN of the node that issued the code.

    The first nine characters of an EHCAPPID; an 11-digit channel of older platforms
    is looked up in `legacy` and otherwise taken for this node's own.
    """
    if len(code.channel) == 11:  # noqa: PLR2004 (the legacy form)
        return legacy.get(code.channel, own)
    return code.channel[:EHCIN_LENGTH]


def _malformed(detail: str) -> Refusal:
    return Refusal(Reason.CODE_MALFORMED, detail)
