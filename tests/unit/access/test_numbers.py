"""EHCIN and EHCAPPID (材料一 附录D)."""

import pytest

from openehc.access.model import Medium, medium_of_component
from openehc.access.numbers import (
    WrongNumber,
    looks_like_ehcappid,
    looks_like_ehcin,
    parse_ehcappid,
    parse_ehcin,
)
from tests.support.full_width import full_width


@pytest.mark.requirement("G1-D.1-1")
@pytest.mark.parametrize("text", ["9901A0001", "9900F9999", "9912X0100"])
def test_a_node_number_is_read(text: str) -> None:
    assert parse_ehcin(text) == text


@pytest.mark.requirement("G1-D.1-1")
@pytest.mark.parametrize(
    "text",
    ["", "9901A001", "9901A00010", "9901G0001", "9901a0001", "99A1A0001", "9901A0000",
     full_width("9901A0001"), "9901A0001\n"],
)  # fmt: skip
def test_what_is_no_node_number_is_refused(text: str) -> None:
    with pytest.raises(WrongNumber):
        parse_ehcin(text)


@pytest.mark.requirement("G1-D.2-1")
@pytest.mark.parametrize("text", ["9901A0001XXTB0001", "9901A0001APPX9999"])
def test_a_component_number_is_read(text: str) -> None:
    assert parse_ehcappid(text) == text


@pytest.mark.requirement("G1-D.2-1")
@pytest.mark.parametrize(
    "text",
    ["9901A0001", "9901A0001XXTB001", "9901A0001XXTB00011", "9901A0001XXTG0001",
     "9901A0001XX1B0001", "9901A0001xxtB0001", "9901A0001XXTB0000"],
)  # fmt: skip
def test_what_is_no_component_number_is_refused(text: str) -> None:
    with pytest.raises(WrongNumber):
        parse_ehcappid(text)


def test_a_refusal_says_what_a_number_looks_like() -> None:
    with pytest.raises(WrongNumber, match="省2位"):
        parse_ehcin("x")


def test_the_two_kinds_of_numbers_are_told_apart() -> None:
    node, component = "9901A0001", "9901A0001XXTB0001"

    assert [looks_like_ehcin(node), looks_like_ehcin(component)] == [True, False]
    assert [looks_like_ehcappid(component), looks_like_ehcappid(node)] == [True, False]


@pytest.mark.parametrize("kind", ["APP", "GZH", "XCX", "FWH", "SHH"])
def test_what_a_resident_holds_in_the_hand_is_online(kind: str) -> None:
    assert medium_of_component(f"9901A0001{kind}B0001") is Medium.ONLINE


@pytest.mark.parametrize("kind", ["STM", "ZZJ", "XXT", "QTH", "CRP"])
def test_what_stands_in_a_hospital_is_offline(kind: str) -> None:
    assert medium_of_component(f"9901A0001{kind}B0001") is Medium.OFFLINE
