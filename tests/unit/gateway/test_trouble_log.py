"""The operator learns why a part of the platform failed, once a second."""

import logging

import pytest

from openehc.gateway.trouble_log import TroubleLog
from openehc.kernel.refusal import CryptoModuleDown, DatabaseDown


def test_a_failure_is_told_with_its_kind_and_cause(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        TroubleLog().tell(CryptoModuleDown("the crypto machine refused: code 23"))

    assert "CryptoModuleDown: the crypto machine refused: code 23" in caplog.text


def test_an_outage_is_told_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    troubles = TroubleLog()

    with caplog.at_level(logging.WARNING):
        for _ in range(1_000):
            troubles.tell(DatabaseDown("cannot connect"))

    assert len(caplog.records) == 1


def test_what_was_passed_over_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    troubles = TroubleLog()
    for _ in range(4):
        troubles.tell(DatabaseDown("cannot connect"))
    troubles.told_at.clear()

    with caplog.at_level(logging.WARNING):
        troubles.tell(DatabaseDown("cannot connect"))

    assert "(3 more since)" in caplog.records[-1].message
