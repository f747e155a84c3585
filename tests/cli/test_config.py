"""Where a setting comes from: a flag, TEMPLE_*, a secret file, temple.toml, the default, in this order."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.observability.redaction import scrubbed
from tests.cli.conftest import Typed

Spawn = Callable[..., "subprocess.Popen[str]"]


def origin(temple: Typed, name: str, *flags: str, **environment: str | None) -> tuple[str | None, str]:
    ended = temple(*flags, "config", "show", "--json", **environment)
    assert ended.code == 0, ended.stderr
    row = next(row for row in ended.data if row["name"] == name)
    return row["value"], row["from"]


def test_a_setting_comes_from_the_strongest_source_that_has_it(temple: Typed, tmp_path: Path) -> None:
    quiet: dict[str, str | None] = {}
    assert origin(temple, "log_level", **quiet) == (None, "default")
    (tmp_path / "temple.toml").write_text('log_level = "error"\n')
    assert origin(temple, "log_level") == ("error", str(tmp_path / "temple.toml"))
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "temple_log_level").write_text("warning\n")
    quiet["CREDENTIALS_DIRECTORY"] = str(secrets)
    assert origin(temple, "log_level", **quiet) == ("warning", f"secret file {secrets / 'temple_log_level'}")
    quiet["TEMPLE_LOG_LEVEL"] = "info"
    assert origin(temple, "log_level", **quiet) == ("info", "environment, TEMPLE_LOG_LEVEL")
    assert origin(temple, "log_level", "--log-level", "debug", **quiet) == ("debug", "flag --log-level")


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://ada:hunter2@db.example/temple",
        "postgresql://db.example/temple?user=ada&password=hunter2",
        "host=db.example dbname=temple password='hunter2'",
    ],
)
def test_a_password_is_never_shown_nor_is_one_inside_a_url(temple: Typed, dsn: str) -> None:
    for command in (["config", "show"], ["config", "show", "--json"], ["db", "status"]):
        ended = temple(*command, TEMPLE_DATABASE_URL=dsn)
        assert "hunter2" not in ended.stdout + ended.stderr
    value, place = origin(temple, "database_url", TEMPLE_DATABASE_URL=dsn)
    assert value is not None
    assert "db.example" in value
    assert "password=********" in value
    assert place == "environment, TEMPLE_DATABASE_URL"


def test_a_dsn_may_lie_in_a_secret_file(temple: Typed, tmp_path: Path) -> None:
    (tmp_path / "TEMPLE_DATABASE_URL").write_text("postgresql://db.example/temple\n")
    value, place = origin(temple, "database_url", TEMPLE_DATABASE_URL=None, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert value == "dbname=temple host=db.example"
    assert place.startswith("secret file")


def test_an_empty_value_is_none(temple: Typed) -> None:
    assert origin(temple, "database_url", TEMPLE_DATABASE_URL="") == (None, "default")
    assert origin(temple, "database_url", "--database-url", "") == (None, "flag --database-url")


def test_a_relative_home_begins_where_the_command_was_called(temple: Typed, tmp_path: Path) -> None:
    assert origin(temple, "home", "--home", "here")[0] == str(tmp_path / "here")


def test_an_unknown_setting_in_temple_toml_is_told_with_those_that_there_are(temple: Typed, tmp_path: Path) -> None:
    (tmp_path / "temple.toml").write_text('databse_url = "postgresql://u:hunter2@h/d"\n')
    ended = temple("config", "show")
    assert ended.code == 2
    assert "temple.toml has a setting 'databse_url'" in ended.stderr
    assert "database_url" in ended.stderr
    assert "hunter2" not in ended.stderr


def test_a_temple_toml_that_is_no_toml_is_told(temple: Typed, tmp_path: Path) -> None:
    (tmp_path / "temple.toml").write_text("home: here\n")
    ended = temple("status")
    assert ended.code == 2
    assert "temple.toml is not TOML" in ended.stderr


@pytest.mark.parametrize(
    "text",
    [
        "connecting to postgresql://ada:hunter2@h/d failed",
        "host=h password=hunter2 user=ada",
        "Authorization: Bearer hunter2",
        "token=hunter2",
        "hunter2@example.org joined",
    ],
)
def test_logs_hold_no_secrets(text: str) -> None:
    assert "hunter2" not in scrubbed(text)


def test_the_operator_of_temple_toml_enters_the_operations_journal(
    spawn: Spawn, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "temple.toml").write_text('operator = "the night shift"\n')
    assert spawn("projection", "pause", "members", "--reason", "a test").wait(60) == 0
    with database.connect(DatabaseRole.READ) as connection:
        who = connection.execute("select performed_by from ledger_operation").fetchall()
    assert who == [("the night shift",)]
