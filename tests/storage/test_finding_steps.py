"""The migration that keeps the steps of findings, over findings that were there before."""

from pathlib import Path

import psycopg
import pytest

from openehc.storage.migrations import migrate, rollback_last
from tests.support.postgres import migrations_upto

NUMBER = "0016"
BEFORE = """
insert into institutions (org_code, org_name) values ('99019902000000000A1002', '示例市第二医院');
insert into applications (app_id, institution_id, app_name, app_channel, ehcappid, standing)
select 'made-up', institution_id, '示例掌上医院', '101', '9901A0001APPB0001', 'active' from institutions;
insert into findings (application_id, subject, situation, state, evidence, source, found_at, changed_at, revision)
select application_id, '示例掌上医院', 'incomplete', 'returned', '见应用市场', 'operator',
       '2026-03-01 08:00Z', '2026-03-03 08:00Z', 4 from applications;
insert into register_history (register, record_id, revision, at, act, actor_kind, actor_id, reason)
select 'application', application_id, m.revision, m.at::timestamptz, m.act, 'user', 'province', m.reason
  from applications, (values
       (3, '2026-03-02 08:00Z', 'suspend', '违规' || (select finding_id from findings) || '：暂停：三日'),
       (4, '2026-03-03 08:00Z', 'resume', '违规' || (select finding_id from findings) || '：已整改'),
       (5, '2026-03-04 08:00Z', 'suspend', '停机维护')) m (revision, at, act, reason);
"""  # noqa: E501 (rows as they are read)
STEPS = "select step, actor_id, note, application_revision from finding_steps order by step_id"


@pytest.fixture
def upto(tmp_path: Path) -> Path:
    """The program's migrations up to the one that is tried."""
    return migrations_upto(NUMBER, tmp_path)


def _filled(dsn: str, folder: Path) -> None:
    """A finding that was handled before its steps were kept."""
    migrate(dsn, folder=folder)
    rollback_last(dsn, folder=folder)
    with psycopg.connect(dsn) as connection:
        connection.execute(BEFORE.encode())


def test_a_finding_of_before_tells_when_it_stopped_the_software(
    empty_database_dsn: str, upto: Path
) -> None:
    _filled(empty_database_dsn, upto)

    migrate(empty_database_dsn, folder=upto)

    with psycopg.connect(empty_database_dsn) as connection:
        rows = connection.execute(STEPS).fetchall()
    assert rows == [
        ("record", "", "", None), ("suspend", "province", "暂停：三日", 3),
        ("close", "province", "已整改", 4),
    ]  # fmt: skip


def test_steps_are_only_added(empty_database_dsn: str, upto: Path) -> None:
    _filled(empty_database_dsn, upto)
    migrate(empty_database_dsn, folder=upto)

    with (
        psycopg.connect(empty_database_dsn) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
    ):
        connection.execute("update finding_steps set note = 'else'")


def test_the_way_back_leaves_findings_and_history(empty_database_dsn: str, upto: Path) -> None:
    _filled(empty_database_dsn, upto)
    migrate(empty_database_dsn, folder=upto)

    rollback_last(empty_database_dsn, folder=upto)

    with psycopg.connect(empty_database_dsn) as connection:
        left = connection.execute(
            "select (select count(*) from findings), (select count(*) from register_history)"
        ).fetchone()
    assert left == (1, 3)
