"""Migrations forward and back, twice, at once, half-way, and over a newer database."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from openehc.storage.migrations import (
    MIGRATIONS,
    MigrationFailed,
    current_version,
    migrate,
    newest_version,
    pending,
    rollback_last,
)
from openehc.storage.schema_guard import SchemaUnfit, require_fitting_schema

FIRST = "create table cards (n int primary key);\ninsert into cards values (7);\n"
SECOND = """-- A body with semicolons; and 100 % signs.
create function twice(n int) returns int language plpgsql as $$
begin
    if n is null then return 0; end if;
    return case when n > 0 then 2 * n else n end;
end;
$$;
alter table cards add column 姓名 text;
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_cards.sql").write_text(FIRST, "utf-8")
    (tmp_path / "0001_cards.rollback.sql").write_text("drop table cards;", "utf-8")
    (tmp_path / "0002_names.sql").write_text(SECOND, "utf-8")
    (tmp_path / "0002_names.rollback.sql").write_text(
        "alter table cards drop column 姓名;\ndrop function twice;", "utf-8"
    )
    return tmp_path


def _value(dsn: str, sql: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(sql.encode()).fetchone()
    return row[0] if row else None


def test_everything_pending_is_applied_in_order(empty_database_dsn: str, folder: Path) -> None:
    assert migrate(empty_database_dsn, folder=folder) == ["0001_cards", "0002_names"]
    assert _value(empty_database_dsn, "select twice(n) from cards") == 14


def test_a_second_run_applies_nothing(empty_database_dsn: str, folder: Path) -> None:
    migrate(empty_database_dsn, folder=folder)

    assert migrate(empty_database_dsn, folder=folder) == []


def test_an_empty_database_has_version_nought_and_everything_pending(
    empty_database_dsn: str, folder: Path
) -> None:
    assert current_version(empty_database_dsn) == 0
    assert pending(empty_database_dsn, folder=folder) == ["0001_cards", "0002_names"]


def test_the_version_is_the_number_of_the_last_one(empty_database_dsn: str, folder: Path) -> None:
    migrate(empty_database_dsn, folder=folder)

    assert current_version(empty_database_dsn) == newest_version(folder=folder) == 2


@pytest.mark.requirement("G1-8.1-2")
def test_the_last_one_is_undone_without_losing_the_rows_of_before(
    empty_database_dsn: str, folder: Path
) -> None:
    migrate(empty_database_dsn, folder=folder)

    assert rollback_last(empty_database_dsn, folder=folder) == "0002_names"

    assert _value(empty_database_dsn, "select n from cards") == 7
    assert pending(empty_database_dsn, folder=folder) == ["0002_names"]


def test_what_was_undone_can_be_applied_again(empty_database_dsn: str, folder: Path) -> None:
    migrate(empty_database_dsn, folder=folder)
    rollback_last(empty_database_dsn, folder=folder)

    assert migrate(empty_database_dsn, folder=folder) == ["0002_names"]


def test_an_empty_database_has_nothing_to_undo(empty_database_dsn: str, folder: Path) -> None:
    assert rollback_last(empty_database_dsn, folder=folder) is None


def test_nodes_that_start_at_once_apply_each_migration_once(
    empty_database_dsn: str, folder: Path
) -> None:
    with ThreadPoolExecutor(4) as nodes:
        runs = list(nodes.map(lambda _: migrate(empty_database_dsn, folder=folder), range(4)))

    assert sorted(runs) == [[], [], [], ["0001_cards", "0002_names"]]


def test_a_failing_migration_leaves_nothing_of_itself(
    empty_database_dsn: str, folder: Path
) -> None:
    (folder / "0003_bad.sql").write_text("create table extra (n int);\nselect 1 / 0;", "utf-8")

    with pytest.raises(MigrationFailed, match="0003_bad"):
        migrate(empty_database_dsn, folder=folder)

    assert _value(empty_database_dsn, "select to_regclass('extra')") is None
    assert current_version(empty_database_dsn) == 2


def test_a_migration_and_its_mark_are_one_transaction(
    empty_database_dsn: str, folder: Path
) -> None:
    migrate(empty_database_dsn, folder=folder)
    with psycopg.connect(empty_database_dsn, autocommit=True) as connection:
        connection.execute("alter table _yoyo_migration add check (migration_id < '0003')")
    (folder / "0003_more.sql").write_text("create table more (n int);", "utf-8")

    with pytest.raises(MigrationFailed):
        migrate(empty_database_dsn, folder=folder)

    assert _value(empty_database_dsn, "select to_regclass('more')") is None


def test_an_undoing_and_its_mark_are_one_transaction(empty_database_dsn: str, folder: Path) -> None:
    migrate(empty_database_dsn, folder=folder)
    with psycopg.connect(empty_database_dsn, autocommit=True) as connection:
        connection.execute(
            "create function stay() returns trigger language plpgsql as "
            "$$ begin raise exception 'stay'; end $$"
        )
        connection.execute(
            "create trigger stay before delete on _yoyo_migration execute function stay()"
        )

    with pytest.raises(MigrationFailed):
        rollback_last(empty_database_dsn, folder=folder)

    assert _value(empty_database_dsn, "select twice(n) from cards") == 14


def test_a_row_of_the_database_is_not_in_the_failures_text(
    empty_database_dsn: str, folder: Path
) -> None:
    (folder / "0003_bad.sql").write_text("insert into cards values (7);", "utf-8")

    with pytest.raises(MigrationFailed) as caught:
        migrate(empty_database_dsn, folder=folder)

    assert str(caught.value) == "0003_bad (23505)"


def test_a_migration_without_a_way_back_is_not_undone(
    empty_database_dsn: str, folder: Path
) -> None:
    (folder / "0002_names.rollback.sql").unlink()
    migrate(empty_database_dsn, folder=folder)

    with pytest.raises(MigrationFailed, match="no way back"):
        rollback_last(empty_database_dsn, folder=folder)

    assert current_version(empty_database_dsn) == 2


def test_an_older_program_does_not_undo_what_it_does_not_know(
    empty_database_dsn: str, folder: Path
) -> None:
    migrate(empty_database_dsn, folder=folder)
    (folder / "0002_names.sql").unlink()

    with pytest.raises(MigrationFailed, match="newer program"):
        rollback_last(empty_database_dsn, folder=folder)


def test_two_files_with_one_number_are_refused(empty_database_dsn: str, folder: Path) -> None:
    (folder / "0002_other.sql").write_text("select 1;", "utf-8")

    with pytest.raises(MigrationFailed, match="share a number"):
        migrate(empty_database_dsn, folder=folder)


def test_a_node_does_not_start_on_a_newer_database(empty_database_dsn: str, folder: Path) -> None:
    migrate(empty_database_dsn, folder=folder)
    (folder / "0002_names.sql").unlink()

    with pytest.raises(SchemaUnfit, match="newer program"):
        require_fitting_schema(empty_database_dsn, folder=folder)


def test_a_node_does_not_start_on_a_database_that_lacks_migrations(
    empty_database_dsn: str, folder: Path
) -> None:
    with pytest.raises(SchemaUnfit, match="0001_cards"):
        require_fitting_schema(empty_database_dsn, folder=folder)


def test_a_node_starts_on_its_own_tables(empty_database_dsn: str, folder: Path) -> None:
    migrate(empty_database_dsn, folder=folder)

    require_fitting_schema(empty_database_dsn, folder=folder)


@pytest.mark.requirement("G1-8.1-2")
def test_every_migration_of_the_program_has_a_way_back_that_leaves_no_table(
    empty_database_dsn: str,
) -> None:
    tables = (
        "select count(*) from pg_class c where relnamespace = 'public'::regnamespace "
        "and relkind in ('r', 'p', 'S', 'v', 'm') and relname !~ '^_?yoyo'"
    )
    migrate(empty_database_dsn)

    while rollback_last(empty_database_dsn):
        pass

    assert _value(empty_database_dsn, tables) == 0
    assert len(pending(empty_database_dsn)) == len(
        [path for path in MIGRATIONS.glob("*.sql") if "rollback" not in path.name]
    )


def test_failed_rows_that_were_kept_unsealed_go_and_the_imports_stay(
    empty_database_dsn: str,
) -> None:
    migrate(empty_database_dsn)
    while rollback_last(empty_database_dsn) != "0021_sealed_failed_rows":
        pass
    with psycopg.connect(empty_database_dsn, autocommit=True) as connection:
        connection.execute(
            "insert into import_jobs (job_id, register, mode, state, file_name, file_digest,"
            " actor_id, failed_rows, created_at, changed_at) values (gen_random_uuid(),"
            " 'application', 'check', 'done', 'x.csv', decode(repeat('00', 32), 'hex'), 'someone',"
            " 'a workbook', now(), now())"
        )
    file = _value(empty_database_dsn, "select pg_relation_filenode('import_jobs')")

    migrate(empty_database_dsn)

    kept = "select file_name || coalesce(sealed_failed_rows::text, '') from import_jobs"
    assert _value(empty_database_dsn, kept) == "x.csv"
    assert _value(empty_database_dsn, "select pg_relation_filenode('import_jobs')") != file


def test_an_application_stays_when_its_certificates_are_taken_back(
    empty_database_dsn: str,
) -> None:
    migrate(empty_database_dsn)
    with psycopg.connect(empty_database_dsn, autocommit=True) as connection:
        connection.execute(
            "insert into institutions (org_code, org_name) values ('ORG-1', '示例医院');"
            "insert into applications (app_id, institution_id, app_name, app_channel, ehcappid,"
            " client_certificates, certificate_needed)"
            " select 'app-1', institution_id, '示例系统', '601', '9901A0001XXTB0001',"
            " array[repeat('a', 64)], true from institutions"
        )

    while rollback_last(empty_database_dsn) != "0018_client_certificates":
        pass
    migrate(empty_database_dsn)

    kept = "select app_id || ':' || cardinality(client_certificates) from applications"
    assert _value(empty_database_dsn, kept) == "app-1:0"
