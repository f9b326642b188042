"""A row is judged against the promise for its method, and misses are shown."""

from dataclasses import replace

import pytest

from bench.budgets import Row, missed
from bench.messages import LoadMethod
from bench.report import row_text, verdict_text

MET = Row(
    method=LoadMethod.VERIFY, connections=1_000, requests=100, seconds=1.0, rate=100.0, p50_ms=10.0,
    p99_ms=300.0, success=1.0, failures={}, server_us=100.0, postgres_us=45.0, generator_us=9.0,
    worker_mib=150.0, worker_shares=(0.5, 0.5),
)  # fmt: skip


def test_a_row_that_stays_within_every_limit_is_met() -> None:
    assert missed(MET) == []


@pytest.mark.parametrize(
    ("row", "short"),
    [
        (replace(MET, server_us=150.0), "server 1.50x"),
        (replace(MET, postgres_us=90.0), "PostgreSQL 2.00x"),
        (replace(MET, success=0.999), "success"),
        (replace(MET, p99_ms=450.0), "p99 1.50x"),
        (replace(MET, worker_mib=300.0), "memory 2.00x"),
    ],
)
def test_each_limit_is_missed_by_itself(row: Row, short: str) -> None:
    assert missed(row) == [short]


def test_a_registration_may_cost_twice_as_much() -> None:
    row = replace(MET, method=LoadMethod.REGISTER, server_us=200.0, postgres_us=90.0)

    assert missed(row) == []


def test_the_latency_of_a_few_connections_is_not_judged() -> None:
    assert missed(replace(MET, connections=64, p99_ms=900.0)) == []


def test_what_could_not_be_measured_is_not_judged() -> None:
    assert missed(replace(MET, server_us=None, postgres_us=None, worker_mib=None)) == []


def test_the_table_says_missed_and_by_how_much() -> None:
    assert row_text(replace(MET, server_us=150.0)).endswith("MISSED: server 1.50x")


def test_the_table_tells_each_kind_of_failure() -> None:
    row = replace(MET, success=0.97, failures={"3003": 2, "no answer": 1})

    assert row_text(row).splitlines()[1:] == ["          2 x 3003", "          1 x no answer"]


def test_a_single_failure_keeps_the_table_from_saying_one_hundred() -> None:
    assert "99.99" in row_text(replace(MET, success=0.999999)).split()


def test_the_last_line_counts_the_rows_that_met_their_budget() -> None:
    rows = [MET, MET, replace(MET, success=0.5)]

    assert verdict_text(rows) == "2 of 3 rows met their budget"
