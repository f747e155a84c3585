"""Migrations: in order, once, all or nothing, and never against a database of another version."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.migrations import Migration, migrate, packaged, pending, require_current
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer


@pytest.fixture
def empty(server: EmbeddedServer) -> Iterator[Database]:
    """A database that nobody has migrated."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("create database unmigrated")
        yield Database(server.dsn("unmigrated"))
        admin.execute("drop database unmigrated with (force)")


def test_a_second_run_has_nothing_to_do(empty: Database) -> None:
    assert list(migrate(empty)) == [migration.name for migration in packaged()]
    assert list(migrate(empty)) == []


def test_several_at_once_apply_each_migration_once(empty: Database) -> None:
    errors: list[BaseException] = []

    def bring() -> None:
        try:
            bring_up_to_date(empty)
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [threading.Thread(target=bring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with empty.connect(DatabaseRole.READ) as connection:
        require_current(connection)


def test_a_migration_that_fails_leaves_nothing_behind(empty: Database) -> None:
    broken = Migration(900, "0900_broken", b"create table half (id integer); select 1/0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty, [*packaged(), broken])
    with empty.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select to_regclass('half')").fetchone() == (None,)
        assert pending(connection) == []


def test_what_was_done_before_logins_were_recorded_has_none(empty: Database) -> None:
    done = "insert into ledger_operation (kind, performed_by) values ('repair', 'ada')"
    migrate(empty, [each for each in packaged() if each.number < 12])
    with empty.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(done)
    migrate(empty, packaged())
    with empty.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(done)
        recorded = connection.execute("select login, session_user from ledger_operation order by id").fetchall()
    assert [login for login, _ in recorded] == [None, recorded[0][1]]


def test_a_database_newer_than_the_code_is_refused(empty: Database) -> None:
    migrate(empty, [*packaged(), Migration(900, "0900_of_tomorrow", b"select 1")])
    with pytest.raises(SchemaMismatch, match="0900_of_tomorrow"):
        migrate(empty)


def test_a_database_behind_the_code_is_not_worked_on(empty: Database) -> None:
    migrate(empty, packaged()[:-1])
    with empty.connect(DatabaseRole.LOGIN) as connection, pytest.raises(SchemaMismatch, match="temple db migrate"):
        require_current(connection)


def test_only_those_who_stage_imports_may_make_temporary_tables(empty: Database) -> None:
    migrate(empty)
    with empty.connect(DatabaseRole.APPEND) as connection:
        connection.execute("create temporary table staged (id integer)")
    with empty.connect(DatabaseRole.READ) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("create temporary table mine (id integer)")


def test_an_edited_migration_is_refused(empty: Database) -> None:
    migrate(empty)
    *others, last = packaged()
    with pytest.raises(SchemaMismatch, match=last.name):
        migrate(empty, [*others, Migration(last.number, last.name, last.text + b"-- edited")])


def test_the_canons_tables_have_the_canons_columns(database: Database) -> None:
    with database.connect(DatabaseRole.READ) as connection:
        found = connection.execute(
            """
            select table_name, column_name, data_type, character_maximum_length
            from information_schema.columns
            where table_name in ('webhook_audit_log', 'discord_user_current_roles', 'temple_member_status')
            order by table_name, ordinal_position
            """
        ).fetchall()
    text, time = "character varying", "timestamp with time zone"
    assert found == [
        ("discord_user_current_roles", "user_id", text, 100),
        ("discord_user_current_roles", "role", text, 100),
        ("discord_user_current_roles", "granted_at", time, None),
        ("discord_user_current_roles", "granted_by", text, 100),
        ("discord_user_current_roles", "last_verified", time, None),
        ("temple_member_status", "user_id", text, 100),
        ("temple_member_status", "discord_joined_at", time, None),
        ("temple_member_status", "patreon_tier", text, 50),
        ("temple_member_status", "total_roles_count", "integer", None),
        ("temple_member_status", "last_activity", time, None),
        ("temple_member_status", "status", text, 20),
        ("temple_member_status", "last_sync", time, None),
        ("webhook_audit_log", "id", "bigint", None),
        ("webhook_audit_log", "event_id", "uuid", None),
        ("webhook_audit_log", "timestamp", time, None),
        ("webhook_audit_log", "event_type", text, 50),
        ("webhook_audit_log", "user_id", text, 100),
        ("webhook_audit_log", "action", text, 50),
        ("webhook_audit_log", "target", text, 100),
        ("webhook_audit_log", "metadata", "jsonb", None),
        ("webhook_audit_log", "source", text, 50),
        ("webhook_audit_log", "recorded_at", time, None),
    ]
