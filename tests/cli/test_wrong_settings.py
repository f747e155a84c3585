"""A value that does not fit: one sentence of ours, with the setting, the value unless it is a secret, and what it has
to be. A DSN: what is wrong with it, and nothing that may be a password."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from temple_ledger.infrastructure.processes.sources import installed_sources
from temple_ledger.infrastructure.settings import Settings, SourceSettings
from temple_ledger.infrastructure.settings.faults import describe_fault
from tests.cli.conftest import Typed

PORT = "has to be a whole number from 0 to 65535"

VARIABLES = {
    ("METRICS_PORT", "abc"): f"it is 'abc', and {PORT}",
    ("METRICS_PORT", "70000"): f"it is '70000', and {PORT}",
    ("WEB_PORT", "1.5"): f"it is '1.5', and {PORT}",
    ("INBOX_KEEP_DAYS", "0"): "it is '0', and has to be a whole number of at least 1",
    ("RECONCILE_EVERY_SECONDS", "inf"): "it is 'inf', and has to be a number of at least 0",
    ("RECONCILE_EVERY_SECONDS", "soon"): "it is 'soon', and has to be a number of at least 0",
    ("LOG_LEVEL", "loud"): "it is 'loud', and has to be one of debug, info, warning, error",
    ("DISCORD_GUILD", "temple"): "it is 'temple', and has to be an id of Discord",
    ("WEB_URL", "http://x"): "it is 'http://x', and has to be https:// and a name",
    ("PATREON_API_URL", "www.patreon.com"): "it has to begin with https:// or http://",
    ("PATREON_API_URL", "https://patreon.example?x=1"): "nothing may stand behind its path",
    ("DISCORD_API_URL", "https://[::1/api"): "a [ and no ]",
    ("DISCORD_GATEWAY_URL", "https://gateway.example.org"): "it has to begin with wss:// or ws://",
    ("PUSHGATEWAY", "https://push.example.org:99999"): "its port is no number",
    ("PUSHGATEWAY", "https://ada:hunter2@push.example.org"): "a password before an @",
    ("READ_URL", "mysql://ada:hunter2@h/db"): "it begins neither with postgresql:// nor",
    ("WEB_DATABASE_URL", "postgresql://ada:hunter2@h/db?sslmod=x"): "did you mean sslmode?",
    ("SINKS", '{"a": {"kind": "webhook", "url": "sink.example.org/hunter2"}}'): "it has to begin with https://",
    ("SEAL_WEBHOOK", "https://"): "it names no host",
    ("SEAL_WEBHOOK", "ftp://hunter2"): "it has to begin with https:// or http://",
    ("SINKS", "hunter2"): "it has to be JSON; or write a table in temple.toml",
    ("SINKS", "[1]"): "it has to be a table of temple.toml, or a JSON object",
    ("SINKS", '{"a": {"kind": "webhook", "uri": "hunter2"}}'): "there is no such key; there are channel, kind, secret",
    ("SINKS", '{"a": {}}'): "it is missing",
    ("PATREON_SECRETS", '{"a": 1}'): "it has to be a table",
    ("PUSHGATEWAY", "\udcff"): "is not UTF-8",
}

FILES = {
    "home = 3": "it is 3, and has to be the path of a file or folder, in quotes",
    'home = " "': "it is empty; leave it out for the default",
    'nicknames = ["a"]': "it is ['a'], and has to be the path of a file or folder, in quotes",
    "pushgateway = true": "it is True, and has to be a text, in quotes",
    "database_url = 5": "it has to be a text, in quotes",
    "metrics_token = 5": "it has to be a text, in quotes",
    "operator = 'x'\nmetrics_port = '1'\nlog_level = 1": "it is 1, and has to be one of debug",
    "[sinks]\na = 3": "it has to be a table, { … }",
    "[sinks.a]\nkind = 3": "it has to be a text, in quotes",
}


@pytest.mark.parametrize(("variable", "value"), VARIABLES)
def test_a_variable_that_does_not_fit(temple: Typed, variable: str, value: str) -> None:
    ended = temple("config", "show", **{f"TEMPLE_{variable}": value})
    assert (ended.code, ended.stdout) == (2, "")
    assert VARIABLES[variable, value] in ended.stderr
    assert f"TEMPLE_{variable}" in ended.stderr
    assert "hunter2" not in ended.stderr


@pytest.mark.parametrize("text", FILES)
def test_a_value_of_temple_toml_that_does_not_fit(temple: Typed, tmp_path: Path, text: str) -> None:
    (tmp_path / "temple.toml").write_text(text)
    ended = temple("config", "show", TEMPLE_HOME=None, TEMPLE_DATABASE_URL=None, TEMPLE_METRICS_PORT=None)
    assert (ended.code, ended.stdout) == (2, "")
    assert FILES[text] in ended.stderr
    assert str(tmp_path / "temple.toml") in ended.stderr


def test_an_empty_home_is_not_the_current_folder(temple: Typed) -> None:
    ended = temple("--home", "", "config", "show")
    assert ended.code == 2
    assert "setting home (flag --home): it is empty" in ended.stderr


def every_field() -> Iterator[tuple[type[SourceSettings], str]]:
    models: list[type[SourceSettings]] = [Settings, *installed_sources().models()]
    for model in models:
        yield from ((model, name) for name in model.model_fields)


@pytest.mark.parametrize(
    ("model", "name"), list(every_field()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_no_setting_answers_in_words_of_the_library(model: type[SourceSettings], name: str) -> None:
    fields: dict[str, Any] = {name: object()}
    with pytest.raises(ValidationError) as refused:
        model(**fields)
    fault = describe_fault(model.model_fields[name], refused.value.errors()[0])
    assert "has to be" in fault or "write " in fault
    assert "Input" not in fault


UNLOOKED = {"database_url": "whoever connects to it explains it, and some commands need no database"}
NO_URL = {"archive": "a folder, or a place that the library for files knows"}


def test_every_setting_that_is_a_url_is_looked_at() -> None:
    fields = [(model, name) for model, name in every_field() if name not in {**UNLOOKED, **NO_URL}]
    urls = [
        (model, name)
        for model, name in fields
        if re.search(r"url$|webhook$", name) or "URL" in str(model.model_fields[name].description)
    ]
    assert len(urls) >= 10
    for model, name in urls:
        given: dict[str, Any] = {name: "no://such url"}
        with pytest.raises(ValidationError):
            model(**given)


@pytest.mark.parametrize(
    "typed",
    ["reconcile --pushgateway", "patreon setup --url", "monitoring export d --url"],
    ids=lambda typed: typed.split()[0],
)
def test_an_option_that_is_a_url_is_looked_at(temple: Typed, typed: str) -> None:
    ended = temple(*typed.split(), "ftp://push.example.org")
    assert ended.code == 2
    assert "it has to begin with https:// or http://" in ended.stderr


def test_a_pushgateway_may_be_a_host_and_a_port() -> None:
    assert Settings(pushgateway="localhost:9091").pushgateway == "http://localhost:9091"


DSNS = {
    "postgresql://ada:hunter2@h/db?sslmod=x": "there is no option 'sslmod'; did you mean sslmode?",
    "host=h password=hunter2 dbnme=x": "there is no option 'dbnme'; did you mean dbname?",
    "postgresql://ada:hunter2@h/db?bogus=1": "there is no option 'bogus'",
    "host=h password=a hunter2=c": "it has an option that does not exist",
    "postgresql://ada:hunter2%zz@h/db": "write %25",
    "postgresql://ada:hunter2 x@h/db": "write %20",
    "postgresql://ada@h/db?hunter2": "an option without a =",
    "host=h password='hunter2": "a quote in it does not end",
    "mysql://ada:hunter2@h/db": "it begins neither with postgresql:// nor",
    "postgresql://ada:hunter2@[::1/db": "a [ and no ]",
}


@pytest.mark.parametrize("dsn", DSNS)
@pytest.mark.parametrize("command", ["status", "db shell"])
def test_what_is_wrong_with_a_dsn_is_named_without_its_password(temple: Typed, dsn: str, command: str) -> None:
    ended = temple(*command.split(), TEMPLE_DATABASE_URL=dsn)
    assert ended.code == 4
    assert DSNS[dsn] in ended.stderr
    assert "hunter2" not in ended.stderr
    assert "DSN of the database of TEMPLE_DATABASE_URL" in ended.stderr


@pytest.mark.parametrize("name", ["database_url", "DISCORD_TOKEN", "discord-token", "databse_url"])
def test_a_credential_without_the_prefix_is_named(temple: Typed, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("hunter2")
    ended = temple("config", "show", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert ended.code == 2
    meant = "TEMPLE_DISCORD_TOKEN" if "isc" in name.lower() else "TEMPLE_DATABASE_URL"
    assert f"secret file {tmp_path / name} is no setting; did you mean {meant}?" in ended.stderr


def test_a_credential_of_something_else_is_nobodys_mistake(temple: Typed, tmp_path: Path) -> None:
    (tmp_path / "tls_key").write_text("x")
    assert temple("config", "show", CREDENTIALS_DIRECTORY=str(tmp_path)).code == 0
