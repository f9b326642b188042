"""The 38 return codes: the official messages, and cause and cure for each."""

import pytest

from openehc.spec import ReturnCode, UnknownCode, load

OFFICIAL = {
    "0000": "操作成功",
    "9998": "交易失败",
    "9999": "未知错误",
    "1001": "应用编号为空",
    "1002": "终端编号为空",
    "1003": "不支持交易版本号",
    "1004": "接口名称为空",
    "1005": "接口名称不合法",
    "1006": "未知加密类型",
    "1007": "未知签名类型",
    "1008": "应用不存在",
    "1009": "终端不存在",
    "1010": "应用无该接口权限",
    "2001": "电子健康卡二维码已过期",
    "2002": "电子健康卡二维码不合法",
    "2003": "有效时间为空",
    "2004": "有效时间不合法",
    "2005": "密码服务失败",
    "3001": "无符合条件的查询记录",
    "3002": "流水号重复",
    "3003": "资源正在被占用，请确认交易状态再试",
    "8001": "网络读失败",
    "8002": "网络传输出错",
    "8003": "空网络请求",
    "8004": "网络连接失败",
    "8005": "数据库连接失败",
    "8006": "数据库配置加载失败",
    "8007": "数据操作失败",
    "8008": "密码服务失败",
    "8009": "内部异常",
    "9001": "请求参数有误",
    "9002": "签名失败",
    "9003": "验签失败",
    "9004": "响应报文为空",
    "9005": "请求系统不支持",
    "9006": "报文加密失败",
    "9007": "报文解密失败",
    "9008": "报文读取错误",
}


@pytest.mark.requirement("G1-E-8-1", "G3-A-5-1", "H-8-1")
def test_the_38_codes_bear_their_official_messages() -> None:
    assert {code: row.text for code, row in load().return_codes.items()} == OFFICIAL


def test_the_message_that_was_printed_upside_down_says_so() -> None:
    assert "接口名称不为空" in load().return_code("1004").note


@pytest.mark.parametrize("row", load().return_codes.values(), ids=lambda row: row.code)
def test_a_message_fits_into_ret_msg(row: ReturnCode) -> None:
    assert len(row.text) <= 200


@pytest.mark.parametrize("row", load().return_codes.values(), ids=lambda row: row.code)
def test_cause_and_cure_are_written_in_both_languages(row: ReturnCode) -> None:
    chinese = [
        any("\u4e00" <= char <= "\u9fff" for char in text) for text in (row.cause_zh, row.cure_zh)
    ]
    english = [text[:1].isascii() and " " in text for text in (row.cause_en, row.cure_en)]

    assert all(chinese + english)


def test_the_return_codes_are_a_dictionary_too() -> None:
    assert load().dictionary("return_code").require("2001").name == OFFICIAL["2001"]


def test_an_unknown_return_code_is_an_error() -> None:
    with pytest.raises(UnknownCode):
        load().return_code("7777")
