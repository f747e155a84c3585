"""What the processes write holds no payload, no token, no e-mail, no DSN: all of them are planted, and looked for."""

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.observability.logging import log_to_stderr
from temple_ledger.projections.testing.histories import at
from tests.cli.conftest import Typed
from tests.cli.test_run import line_of
from tests.monitoring.test_exposing import get
from tests.ports import free_port
from tests.queries.builders import altered, unfoldable

Spawn = Callable[..., "subprocess.Popen[str]"]

TOKEN = "tok-3f9a1c77e2"
PASSWORD = "hunter2-9b41"
EMAIL = "ada.lovelace@example.org"
PAYLOAD = "planted-payload-55aa"
PLANTED = (TOKEN, PASSWORD, EMAIL, PAYLOAD)

PLANT = f"""
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
    values (gen_random_uuid(), now(), 'discord_role_change', 'ada', 'added', '', '{{"granted_by": "x",
        "email": "{EMAIL}", "body": "{PAYLOAD}"}}', 'elsewhere')
"""


def with_password(database: Database) -> str:
    """The sockets of the tests ask for none; a client that has one keeps it to itself."""
    return database.dsn.replace("temple@", f"temple:{PASSWORD}@")


@pytest.fixture
def secrets(database: Database) -> Mapping[str, str]:
    return {"TEMPLE_DATABASE_URL": with_password(database), "TEMPLE_METRICS_TOKEN": TOKEN}


def test_nothing_that_was_planted_comes_out_again(
    temple: Typed, spawn: Spawn, database: Database, secrets: Mapping[str, str], home: Path
) -> None:
    said: list[str] = []

    def typed(*arguments: str, stdin: str | None = None) -> None:
        ended = temple(*arguments, stdin=stdin, **secrets)
        said.extend((ended.stdout, ended.stderr))

    port = free_port()
    process = spawn("--log-level", "debug", "run", "--metrics-port", str(port), **secrets)
    said.append(line_of(process, "Ctrl-C ends it"))
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        connection.execute(PLANT.encode())
    unfoldable(database, "bob", at(1))
    typed("projection", "wait", "members", "--timeout", "60")
    line = f'{{"event_type": "discord_join", "action": "joined", "user_id": "", "metadata": {{"body": "{PAYLOAD}"}}}}'
    typed("events", "import", "-", stdin=f"{line}\n{PAYLOAD} {EMAIL}\n")
    typed("failures", "list")
    altered(database, "delete from temple_member_status")
    typed("reconcile", "--pushgateway", f"http://user:{PASSWORD}@127.0.0.1:9")
    typed("doctor")
    typed("status")
    typed("config", "show")
    said.append(get(port, Authorization=f"Bearer {TOKEN}")[1])
    said.append(get(port, Authorization=f"Bearer {EMAIL}")[1])
    terminate = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'temple run'"
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(terminate)
    said.append(line_of(process, "database error, trying again"))
    process.terminate()
    said.extend(process.communicate(timeout=60))
    said.extend(file.read_text() for file in (home / "logs").glob("*"))
    found = [(planted, text[:400]) for planted in PLANTED for text in said if planted in text]
    assert found == []
    assert any("parked" in text for text in said)


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://temple:{PASSWORD}@127.0.0.1:1/ledger",
        f"postgresql://temple:{PASSWORD}%zz@127.0.0.1/ledger",
        f"host=127.0.0.1 port=1 password='{PASSWORD}' nonsense",
    ],
)
@pytest.mark.parametrize("verb", [("status",), ("doctor",), ("run",), ("verify",)])
def test_a_dsn_that_leads_nowhere_is_not_repeated(temple: Typed, dsn: str, verb: tuple[str, ...]) -> None:
    ended = temple(*verb, TEMPLE_DATABASE_URL=dsn)
    assert ended.code != 0
    assert PASSWORD not in ended.stdout + ended.stderr


def test_without_a_terminal_each_line_of_the_log_is_json(spawn: Spawn, temple: Typed, database: Database) -> None:
    unfoldable(database, "bob", at(1))
    process = spawn("run", "--until-caught-up")
    _, stderr = process.communicate(timeout=60)
    lines = [json.loads(line) for line in stderr.splitlines() if line.startswith("{")]
    parked = [line for line in lines if line["event"] == "parked"]
    assert [(line["projection"], line["user_id"], line["level"]) for line in parked] == [
        (name, "bob", "error") for name in ("members", "role_periods")
    ]
    assert all("timestamp" in line for line in lines)


def test_what_comes_from_outside_can_not_forge_a_line(spawn: Spawn, database: Database) -> None:
    unfoldable(database, 'bob\n{"event": "forged"}\x1b[31m', at(1))
    process = spawn("run", "--until-caught-up")
    _, stderr = process.communicate(timeout=60)
    assert not [line for line in stderr.splitlines() if line.startswith('{"event": "forged"')]
    assert "\x1b" not in stderr


def copy_and_lose(connection: psycopg.Connection, database: Database) -> None:
    with connection.cursor().copy("copy filled from stdin") as copy:
        with database.connect(DatabaseRole.LOGIN) as other:
            other.execute("select pg_terminate_backend(%s, 10000)", (connection.info.backend_pid,))
        for _ in range(1_000):
            copy.write("x" * 10_000 + "\n")


def test_of_a_copy_that_loses_its_connection_the_driver_reports_no_second_error(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to_stderr("debug")
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("create temporary table filled (line text)")
        with pytest.raises(psycopg.OperationalError):
            copy_and_lose(connection, database)
    assert capsys.readouterr().err == ""
