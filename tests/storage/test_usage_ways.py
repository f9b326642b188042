"""The migration that gives facts one key for application, terminal, channel and medium."""

from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from openehc.storage.migrations import migrate, rollback_last
from tests.support.postgres import migrations_upto

NUMBER = "0010"
FACTS = [
    {"app_id": "his", "term_id": "window-1", "app_channel": "601", "medium": "offline"},
    {"app_id": "his", "term_id": "window-1", "app_channel": "601", "medium": "offline"},
    {"app_id": "app", "term_id": "phone", "app_channel": "101", "medium": "online"},
]
INSERT = """
insert into usage_facts (day, at, kind, result, institution_id, app_id, term_id, app_channel,
                         medium)
values ('2026-03-02', '2026-03-02 00:30:00Z', 'verify', 'ok', 1, %(app_id)s, %(term_id)s,
        %(app_channel)s, %(medium)s)
"""
TOLD = "select app_id, term_id, app_channel, medium from {} order by app_id desc"


@pytest.fixture
def upto(tmp_path: Path) -> Path:
    """The program's migrations up to the one that is tried."""
    return migrations_upto(NUMBER, tmp_path)


def _rows(dsn: str, table: str) -> list[dict[str, str]]:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(TOLD.format(table).encode()).fetchall()


def _filled(dsn: str, folder: Path) -> None:
    """The tables as they were before, with facts in them."""
    migrate(dsn, folder=folder)
    rollback_last(dsn, folder=folder)
    with psycopg.connect(dsn) as connection:
        connection.execute("""create table usage_facts_20260302 partition of usage_facts
                              for values from ('2026-03-02') to ('2026-03-03')""")
        for fact in FACTS:
            connection.execute(INSERT, fact)


def test_facts_of_before_keep_their_dimensions(empty_database_dsn: str, upto: Path) -> None:
    _filled(empty_database_dsn, upto)

    migrate(empty_database_dsn, folder=upto)

    assert _rows(empty_database_dsn, "usage_facts_full") == FACTS
    assert len(_rows(empty_database_dsn, "usage_ways")) == 2


def test_the_way_back_keeps_them_too(empty_database_dsn: str, upto: Path) -> None:
    _filled(empty_database_dsn, upto)
    migrate(empty_database_dsn, folder=upto)

    rollback_last(empty_database_dsn, folder=upto)

    assert _rows(empty_database_dsn, "usage_facts") == FACTS
