"""A session of the ledger has the settings that it needs, whatever a database, a DSN or the environment asks for."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.pool import Pool
from temple_ledger.infrastructure.log.import_lines import import_lines

OURS = {
    "search_path": "public",
    "timezone": "UTC",
    "datestyle": "ISO",
    "client_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "idle_session_timeout": "0",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "array_nulls": "on",
    "exit_on_error": "off",
    "jit": "off",
}
ODD = {
    "search_path": "elsewhere",
    "timezone": "Asia/Kathmandu",
    "datestyle": "SQL, DMY",
    "client_encoding": "LATIN1",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "idle_session_timeout": "300ms",
    "statement_timeout": "150ms",
    "lock_timeout": "150ms",
    "idle_in_transaction_session_timeout": "150ms",
    "array_nulls": "off",
    "exit_on_error": "on",
    "jit": "on",
}
OF_THE_DRIVER = {"PGTZ": ODD["timezone"], "PGDATESTYLE": ODD["datestyle"], "PGCLIENTENCODING": ODD["client_encoding"]}


@pytest.fixture(params=["database", "DSN", "environment"])
def asked_otherwise(
    request: pytest.FixtureRequest, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    if request.param == "database":
        with database.connect(DatabaseRole.LOGIN) as connection:
            name = connection.info.dbname
            for setting, value in ODD.items():
                connection.execute(f"alter database \"{name}\" set {setting} = '{value}'".encode())
        yield database
    elif request.param == "DSN":
        options = " ".join(f"-c {setting}={value.replace(' ', chr(92) + ' ')}" for setting, value in ODD.items())
        yield Database(make_conninfo(database.dsn, options=options, client_encoding=ODD["client_encoding"]))
    else:
        for variable, value in OF_THE_DRIVER.items():
            monkeypatch.setenv(variable, value)
        yield database


OF_THE_CONSOLE = {"statement_timeout": "10s", "idle_in_transaction_session_timeout": "15s"}
OF_ROLES = {
    DatabaseRole.APPEND: {"lock_timeout": "5s", "idle_in_transaction_session_timeout": "30s"},
    DatabaseRole.TRANSLATE: {"lock_timeout": "5s", "idle_in_transaction_session_timeout": "30s"},
    DatabaseRole.SEAL: {"lock_timeout": "5s", "idle_in_transaction_session_timeout": "30s"},
    DatabaseRole.PROJECT: {"lock_timeout": "30s", "idle_in_transaction_session_timeout": "8s"},
}


def settings_of(connection: psycopg.Connection) -> dict[str, str]:
    rows = connection.execute("select name, current_setting(name) from unnest(%s::text[]) as name", [list(OURS)])
    found: dict[str, str] = dict(rows.fetchall())
    # how days are read, which is no concern of ours: nothing is written so
    return found | {"datestyle": found["datestyle"].partition(",")[0]}


def test_each_role_has_the_settings_that_the_ledger_needs(asked_otherwise: Database) -> None:
    for role in DatabaseRole:
        with asked_otherwise.connect(role) as connection:
            assert settings_of(connection) == OURS | OF_ROLES.get(role, {}), role


def test_so_has_the_console_but_for_its_own_patience(asked_otherwise: Database) -> None:
    for read_only in (True, False):
        pool = Pool(asked_otherwise, application="temple test", read_only=read_only)
        with pool.connection() as connection:
            assert settings_of(connection) == OURS | OF_THE_CONSOLE
        pool.close()


def test_names_are_stored_as_they_are_written_whatever_the_encoding_of_clients(
    asked_otherwise: Database, tmp_path: Path
) -> None:
    line = {
        "timestamp": "2026-01-01T00:00:00Z",
        "event_type": "discord_role_change",
        "action": "added",
        "user_id": "ada",
        "target": "Žrec ✨",
        "metadata": {"reason": "за помощь"},
        "source": "discord",
    }
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(line, ensure_ascii=False))
    assert import_lines(asked_otherwise, file, catalogue=CATALOGUE).added == 1
    with asked_otherwise.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select target, metadata ->> 'reason' from webhook_audit_log").fetchone()
    assert row == ("Žrec ✨", "за помощь")
