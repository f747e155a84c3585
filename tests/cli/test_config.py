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


def test_a_setting_of_a_source_that_is_gone_is_told_apart_from_a_misspelt_one(temple: Typed, tmp_path: Path) -> None:
    (tmp_path / "temple.toml").write_text('bakery_oven_token = "hunter2"\n')
    ended = temple("status")
    assert ended.code == 2
    perhaps = "perhaps of a source that is not installed here; there are"
    assert f"temple.toml has a setting 'bakery_oven_token', {perhaps}" in ended.stderr
    assert "hunter2" not in ended.stderr


def test_an_unknown_setting_in_temple_toml_is_told_with_those_that_there_are(temple: Typed, tmp_path: Path) -> None:
    (tmp_path / "temple.toml").write_text('databse_url = "postgresql://u:hunter2@h/d"\n')
    ended = temple("config", "show")
    assert ended.code == 2
    assert "temple.toml has a setting 'databse_url'" in ended.stderr
    assert "database_url" in ended.stderr
    assert "hunter2" not in ended.stderr


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("hoem", "home"),
        ("TEMPLE_HOME", "home"),
        ("db_url", "database_url"),
        ("databaseurl", "database_url"),
        ("log-level", "log_level"),
        ("discord_tokne", "discord_token"),
    ],
)
def test_a_misspelt_key_of_temple_toml_is_named_with_the_one_that_is_meant(
    temple: Typed, tmp_path: Path, key: str, meant: str
) -> None:
    (tmp_path / "temple.toml").write_text(f'{key} = "x"\n')
    ended = temple("status")
    assert ended.code == 2
    assert f"temple.toml has a setting {key!r}; did you mean {meant}; there are" in ended.stderr


def test_a_temple_toml_that_is_no_toml_is_told(temple: Typed, tmp_path: Path) -> None:
    (tmp_path / "temple.toml").write_text("home: here\n")
    ended = temple("status")
    assert ended.code == 2
    assert "temple.toml is not TOML" in ended.stderr


def test_every_verb_reads_the_file_of_the_machine_below_that_of_the_directory(
    temple: Typed, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = tmp_path / "etc" / "temple.toml"
    machine.parent.mkdir()
    machine.write_text(f'database_url = "{database.dsn}"\nlog_level = "error"\n')
    monkeypatch.setattr("temple_ledger.infrastructure.settings.files.MACHINE_FILE", machine)
    here: dict[str, str | None] = {"TEMPLE_CONFIG_FILE": None, "TEMPLE_DATABASE_URL": None}
    assert origin(temple, "log_level", **here) == ("error", str(machine))
    assert origin(temple, "config_file", **here) == (str(machine), "default")
    for verb in (["status"], ["db", "status"], ["member", "list"], ["projection", "list"]):
        assert temple(*verb, **here).code == 0, verb
    (tmp_path / "temple.toml").write_text('log_level = "info"\n')
    assert origin(temple, "log_level", **here) == ("info", str(tmp_path / "temple.toml"))
    assert origin(temple, "database_url", **here)[1] == str(machine)


def test_another_file_than_the_machines_can_be_named_or_none(temple: Typed, tmp_path: Path) -> None:
    other = tmp_path / "art.toml"
    other.write_text('log_level = "error"\n')
    assert origin(temple, "log_level", TEMPLE_CONFIG_FILE=str(other)) == ("error", str(other))
    assert origin(temple, "config_file", TEMPLE_CONFIG_FILE="") == (None, "environment, TEMPLE_CONFIG_FILE")
    missing = temple("config", "show", TEMPLE_CONFIG_FILE=str(tmp_path / "typo.toml"))
    assert missing.code == 2
    assert f"TEMPLE_CONFIG_FILE names {tmp_path / 'typo.toml'}, and there is no such file" in missing.stderr
    other.write_text('config_file = "another.toml"\n')
    refused = temple("config", "show", TEMPLE_CONFIG_FILE=str(other))
    assert (refused.code, f"{other} has a setting 'config_file'" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    "name", ["DISCORD_TOKEN", "PATREON_TOKEN", "PATREON_REFRESH_TOKEN", "PATREON_CLIENT_SECRET", "METRICS_TOKEN"]
)
@pytest.mark.parametrize("pasted", ["hunter2 and more", "hunter2\nand more", "hunter2\tX", "hunter2\x1b[0m"])
def test_a_token_that_was_pasted_with_more_is_refused_by_name(temple: Typed, name: str, pasted: str) -> None:
    ended = temple("config", "show", **{f"TEMPLE_{name}": pasted})
    assert ended.code == 2
    assert f"setting {name.lower()} (environment, TEMPLE_{name})" in ended.stderr
    assert "it has a space or a line break in it" in ended.stderr
    assert "hunter2" not in ended.stderr
    assert temple("config", "show", **{f"TEMPLE_{name}": " hunter2\n"}).code == 0


@pytest.mark.parametrize("text", ["home: here\n", "log_level = 'loud'\n", b"\xff"])
def test_what_is_wrong_with_a_file_names_the_file(temple: Typed, tmp_path: Path, text: str | bytes) -> None:
    machine = tmp_path / "machine.toml"
    machine.write_bytes(text if isinstance(text, bytes) else text.encode())
    ended = temple("status", TEMPLE_CONFIG_FILE=str(machine))
    assert ended.code == 2
    assert str(machine) in ended.stderr


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


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("TEMPLE_DATABSE_URL", "TEMPLE_DATABASE_URL"),
        ("TEMPLE_DATABASE_URI", "TEMPLE_DATABASE_URL"),
        ("TEMPLE_PATREON_SECRET", "TEMPLE_PATREON_SECRETS"),
        ("TEMPLE_RECONCILE_EVERY_SECOND", "TEMPLE_RECONCILE_EVERY_SECONDS"),
        ("TEMPLE_HOEM", "TEMPLE_HOME"),
        ("TEMPLE_DB_URL", "TEMPLE_DATABASE_URL"),
        ("TEMPLE_DISCORD_TKN", "TEMPLE_DISCORD_TOKEN"),
        ("TEMPLEHOME", "TEMPLE_HOME"),
        ("TEMPLE_DATABASEURL", "TEMPLE_DATABASE_URL"),
        ("TEMPLE__HOME", "TEMPLE_HOME"),
        ("temple_home", "TEMPLE_HOME"),
        ("Temple_Log_Level", "TEMPLE_LOG_LEVEL"),
        ("TEMPL_HOME", "TEMPLE_HOME"),
        ("TEMPEL_DATABASE_URL", "TEMPLE_DATABASE_URL"),
        ("TEMPLES_OPERATOR", "TEMPLE_OPERATOR"),
    ],
)
def test_a_misspelt_variable_is_named_before_anything_is_done(temple: Typed, misspelt: str, meant: str) -> None:
    for command in (["status"], ["db", "migrate"], ["config", "show"]):
        ended = temple(*command, **{misspelt: "x"})
        assert (ended.code, ended.stdout) == (2, "")
        assert f"environment variable {misspelt} is no setting; did you mean {meant}?" in ended.stderr


def test_a_misspelt_secret_file_is_named(temple: Typed, tmp_path: Path) -> None:
    (tmp_path / "temple_discord_tokn").write_text("x")
    ended = temple("config", "show", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert ended.code == 2
    assert f"secret file {tmp_path / 'temple_discord_tokn'} is no setting" in ended.stderr
    assert "did you mean TEMPLE_DISCORD_TOKEN?" in ended.stderr


@pytest.mark.parametrize(
    "name",
    [
        *("TEMPLE_GRAFANA_PASSWORD", "TEMPLE_OF_ANOTHER", "TEMPLE_DEBUG", "TEMPLE_POSTGRES_HOST", "TEMPLE"),
        *(
            "TEMPLATE_DIR",
            "TEMP",
            "TEMPDIR",
            "HOME",
            "DATABASE_URL",
            "TEMPLATE_HOME",
            "TEMPLATES_DATABASE_URL",
            "PUSHGATEWAY",
        ),
    ],
)
def test_a_variable_that_is_like_none_of_ours_is_nobodys_mistake(temple: Typed, name: str) -> None:
    assert temple("config", "show", **{name: "1"}).code == 0


def test_a_setting_that_a_source_refuses_is_one_sentence_of_ours(temple: Typed) -> None:
    ended = temple("config", "show", TEMPLE_PATREON_SECRETS="{not JSON")
    assert ended.code == 2
    assert "patreon_secrets" in ended.stderr
    assert "Value error" not in ended.stderr


def test_a_database_that_cannot_be_read_is_named_by_where_it_was_given(temple: Typed) -> None:
    assert "the database of --database-url" in temple("--database-url", "foo", "status").stderr
    assert "the database of TEMPLE_DATABASE_URL" in temple("status", TEMPLE_DATABASE_URL="foo").stderr


def test_a_database_that_a_file_names_is_called_by_the_file(temple: Typed, tmp_path: Path) -> None:
    (tmp_path / "temple.toml").write_text('database_url = "postgresql://127.0.0.1:1/temple"\n')
    ended = temple("status", TEMPLE_DATABASE_URL=None)
    assert ended.code == 4
    assert f"the database of {tmp_path}/temple.toml" in ended.stderr
