"""`temple db`: the database itself."""

import subprocess
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.dsn import psql_environment
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.terminal.dsn import shown
from tests.cli.conftest import Typed

Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def empty(server: EmbeddedServer) -> Iterator[str]:
    """The DSN of a database with nothing in it."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("create database nothing_in_it")
        yield server.dsn("nothing_in_it")
        admin.execute(sql.SQL("drop database nothing_in_it with (force)"))


def test_migrate_says_what_it_did_and_then_that_nothing_is_left(temple: Typed, empty: str) -> None:
    first = temple("db", "migrate", TEMPLE_DATABASE_URL=empty)
    assert first.code == 0
    assert "applied 0001_roles\napplied 0002_log\n" in first.stdout
    assert "made table webhook_activity_hourly" in first.stdout
    again = temple("db", "migrate", TEMPLE_DATABASE_URL=empty)
    assert (again.code, again.stdout) == (0, "nothing to do: the database is up to date\n")


def test_a_database_newer_than_the_code_is_refused_with_one_sentence(temple: Typed, database: Database) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("insert into ledger_migration (number, name, checksum) values (999, '0999_later', 'x')")
    for command in (["db", "migrate"], ["db", "status"], ["status"], ["run", "--until-caught-up"]):
        ended = temple(*command)
        assert ended.code == 5, command
        assert "0999_later" in ended.stderr
        assert "update Temple Ledger" in ended.stderr
        assert ended.stderr.count("\n") == 1


def test_a_command_on_a_database_without_our_tables_says_what_to_run(temple: Typed, empty: str) -> None:
    for command in (["member", "list"], ["run", "--until-caught-up"], ["projection", "list"]):
        ended = temple(*command, TEMPLE_DATABASE_URL=empty)
        assert ended.code == 5, command
        assert "run: temple db migrate" in ended.stderr


def test_status_tells_version_size_and_migrations(temple: Typed, database: Database) -> None:
    data = temple("db", "status", "--json").data
    assert data["state"] == "running"
    assert data["version"].split(".")[0].isdecimal()
    assert data["size_bytes"] > 1_000_000
    assert data["migrations_waiting"] == []


def test_url_is_what_every_client_takes(temple: Typed) -> None:
    ended = temple("db", "url")
    assert ended.stdout.count("\n") == 1
    with psycopg.connect(ended.stdout.strip()) as connection:
        assert connection.execute("select count(*) from webhook_audit_log").fetchone() == (0,)


def test_shell_is_psql_with_our_arguments_and_its_exit_code(spawn: Spawn) -> None:
    good = spawn("db", "shell", "--", "-XAtc", "select count(*) from temple_member_status")
    assert good.communicate(timeout=60)[0] == "0\n"
    assert good.returncode == 0
    bad = spawn("db", "shell", "--", "-XAtc", "select nothing")
    bad.communicate(timeout=60)
    assert bad.returncode == 1


def test_a_password_stays_out_of_the_command_line_of_psql() -> None:
    dsn = "postgresql://ada:hunter2@db.example:6432/temple?sslmode=require&keepalives_idle=5"
    variables, rest = psql_environment(dsn, name="it")
    assert variables == {
        "PGUSER": "ada",
        "PGPASSWORD": "hunter2",
        "PGHOST": "db.example",
        "PGPORT": "6432",
        "PGDATABASE": "temple",
        "PGSSLMODE": "require",
    }
    assert rest == "keepalives_idle=5"
    assert "hunter2" not in shown(dsn)


def test_a_server_that_is_not_ours_is_neither_started_nor_stopped(temple: Typed) -> None:
    for verb in ("start", "stop"):
        ended = temple("db", verb)
        assert ended.code == 5
        assert f"not ours to {verb}" in ended.stderr
