"""Reading what scanners deliver: every dialect that is in use, and every refusal in words."""

import pytest

from openehc.codes.model import ParsedCode, Tag
from openehc.codes.parsing import LENGTH_LIMIT, issuer_of, parse_code
from openehc.kernel.refusal import Reason, Refusal
from tests.support.full_width import full_width

EHCID = "0123456789ABCDEF" * 4
VALID = "FEDCBA9876543210" * 2
APP = "9901A0001XXTB0001"
LEGACY = "99010001001"
STATIC = f"{EHCID}:1::{APP}"
DYNAMIC = f"{EHCID}:0:{VALID}:{APP}"


def parsed(text: str) -> ParsedCode:
    code = parse_code(text)
    assert not isinstance(code, Refusal)
    return code


def refused(text: str) -> Refusal:
    refusal = parse_code(text)
    assert isinstance(refusal, Refusal)
    return refusal


@pytest.mark.requirement(
    "G1-5.1.1-1", "G1-5.1.2-1", "G1-5.1.2-2", "G1-5.1.2-3", "G1-5.1.2-4"
)  # fmt: skip
def test_a_dynamic_code_has_four_segments() -> None:
    assert parsed(DYNAMIC) == ParsedCode(bytes.fromhex(EHCID), Tag.DYNAMIC, VALID, APP)


@pytest.mark.requirement("G1-5.1.2-2", "G1-5.1.2-3")
def test_a_static_code_has_an_empty_validity() -> None:
    assert parsed(STATIC) == ParsedCode(bytes.fromhex(EHCID), Tag.STATIC, "", APP)


@pytest.mark.requirement("G1-5.1.1-1")
@pytest.mark.parametrize("text", [STATIC, DYNAMIC], ids=["static", "dynamic"])
def test_a_code_is_printed_in_the_form_of_the_standard(text: str) -> None:
    assert parsed(text).text == text


@pytest.mark.requirement("G1-6.4-3")
@pytest.mark.parametrize(
    ("dialect", "standard"),
    [
        (f"{EHCID}:1:::{APP}", STATIC),
        (f"{EHCID}:0:{VALID}::{APP}", DYNAMIC),
        (STATIC.lower(), STATIC),
        (DYNAMIC.lower(), DYNAMIC),
        (DYNAMIC.replace(":", "："), DYNAMIC),
        (full_width(DYNAMIC), DYNAMIC),
        (full_width(STATIC).lower(), STATIC),
        (f" {DYNAMIC}\r\n", DYNAMIC),
        (f"\ufeff{DYNAMIC}", DYNAMIC),
        (DYNAMIC.replace(":", " : "), DYNAMIC),
    ],
)
def test_a_dialect_is_read_as_the_standard_form(dialect: str, standard: str) -> None:
    assert parsed(dialect).text == standard


@pytest.mark.parametrize("channel", [APP, LEGACY, "9901A0001"], ids=["17", "11", "9"])
def test_channels_of_all_generations_are_read(channel: str) -> None:
    assert parsed(f"{EHCID}:0:{VALID}::{channel}").channel == channel


@pytest.mark.parametrize("text", [EHCID, f"{EHCID}:1", f"{EHCID}:0:{VALID}", EHCID.lower()])
def test_a_card_id_alone_is_told_apart_from_a_code(text: str) -> None:
    assert "不是二维码" in refused(text).detail


@pytest.mark.requirement("G1-5.1.2-1")
@pytest.mark.parametrize(
    "text", ["", "https://example.org/", "12345", f":1::{APP}", f"{EHCID[:-1]}:1::{APP}",
             f"{EHCID}A:1::{APP}", f"{EHCID[:-1]}G:1::{APP}", f"{EHCID[:48]}:1::{APP}"]
)  # fmt: skip
def test_what_does_not_begin_with_a_card_id_is_refused(text: str) -> None:
    assert refused(text).reason is Reason.CODE_MALFORMED
    assert "第一段" in refused(text).detail


@pytest.mark.requirement("G1-5.1.2-2")
@pytest.mark.parametrize("tag", ["", "2", "00", "A", "-1"])
def test_an_unknown_tag_is_refused(tag: str) -> None:
    assert "类型标识" in refused(f"{EHCID}:{tag}::{APP}").detail


@pytest.mark.requirement("G1-5.1.2-4")
@pytest.mark.parametrize("channel", ["", "9901A0001XXTB", "9901G0001XXTB0001", "1234567890"])
def test_an_unknown_channel_is_refused(channel: str) -> None:
    assert "渠道号" in refused(f"{EHCID}:1::{channel}").detail


@pytest.mark.requirement("G1-5.1.2-3")
def test_a_dynamic_code_without_validity_is_refused() -> None:
    assert refused(f"{EHCID}:0::{APP}").reason is Reason.VALID_MISSING


@pytest.mark.requirement("G1-5.1.2-3")
def test_a_static_code_with_a_validity_is_refused() -> None:
    assert refused(f"{EHCID}:1:{VALID}:{APP}").reason is Reason.CODE_MALFORMED


@pytest.mark.parametrize("valid", ["AB", VALID + "0", VALID[:-1] + "G"])
def test_a_validity_of_another_form_is_refused(valid: str) -> None:
    assert refused(f"{EHCID}:0:{valid}:{APP}").reason is Reason.VALID_WRONG


@pytest.mark.parametrize(
    "text", [f"{EHCID}:1::{APP}:X", f"{EHCID}:0:{VALID}:EXT:{APP}", f"{EHCID}:1::::{APP}"]
)
def test_more_than_four_segments_are_refused(text: str) -> None:
    assert "四段" in refused(text).detail


def test_a_very_long_scan_is_refused_at_once() -> None:
    assert str(LENGTH_LIMIT) in refused(STATIC + " " * LENGTH_LIMIT).detail


def test_a_refusal_never_repeats_the_scan() -> None:
    assert EHCID not in refused(f"{EHCID}:7::{APP}").detail


@pytest.mark.requirement("G1-5.1.2-5")
def test_the_issuer_stands_in_the_first_nine_characters_of_the_channel() -> None:
    code = parsed(f"{EHCID}:1::9902B0007APPX0001")

    assert issuer_of(code, own="9901A0001", legacy={}) == "9902B0007"


def test_an_old_channel_is_looked_up() -> None:
    code = parsed(f"{EHCID}:1::{LEGACY}")

    assert issuer_of(code, own="9901A0001", legacy={LEGACY: "9902B0007"}) == "9902B0007"


def test_an_old_channel_that_nobody_knows_is_our_own() -> None:
    code = parsed(f"{EHCID}:1::{LEGACY}")

    assert issuer_of(code, own="9901A0001", legacy={}) == "9901A0001"
