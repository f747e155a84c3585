"""The canon's ritual as a script: psql and curl alone."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.dsn import psql_environment
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.gateway import Gateway, listening_gateway
from tests.queries.builders import altered
from tests.tools import needs

SCRIPT = Path(__file__).parents[2] / "deploy" / "ledger-consistency-check.sh"

pytestmark = needs("curl")


class Check:
    """The script, in an environment of its own."""

    def __init__(self, environment: Mapping[str, str], gateway: Gateway, log: Path) -> None:
        self.gateway = gateway
        self.log = log
        self._environment = {**environment, "PUSHGATEWAY": gateway.url, "LOG": str(log)}

    def __call__(self, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(SCRIPT)],
            env={**self._environment, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    for number in range(12):
        found.given(joined(f"m{number:02}", at(1)), role_added(f"m{number:02}", "Oracle", at(2)))
    found.catch_up()
    return found


@pytest.fixture
def check(server: EmbeddedServer, ledger: LedgerScenario, tmp_path: Path) -> Iterator[Check]:
    variables, rest = psql_environment(ledger.database.dsn, name=ledger.database.name)
    wheel = str(server.client_binary("psql").parent)
    environment = {**variables, "PATH": f"{wheel}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    if rest:
        environment["PGDATABASE"] = rest
    with listening_gateway() as gateway:
        yield Check(environment, gateway, tmp_path / "issues.log")


def pushed(number: int) -> tuple[str, str]:
    return (
        "/metrics/job/ledger-consistency",
        "# TYPE ledger_consistency_check_failures gauge\n" + f"ledger_consistency_check_failures {number}\n",
    )


def test_where_all_agrees_it_says_so_and_tells_0(check: Check) -> None:
    ended = check()
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "the tables agree with the log\n", "")
    assert check.gateway.taken == [pushed(0)]
    assert not check.log.exists()


def test_little_is_written_down_and_repaired(check: Check, ledger: LedgerScenario) -> None:
    altered(ledger.database, "delete from discord_user_current_roles where user_id < 'm03'")
    altered(ledger.database, "update temple_member_status set status = 'departed' where user_id = 'm05'")
    ended = check()
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "found 4 consistency issues\nrebuilt from the log: 0 left\n"
    assert check.gateway.taken == [pushed(0)]
    assert "missing_in_derived" in check.log.read_text()
    assert "departed" in check.log.read_text()
    ledger.then_verified()


def test_much_is_left_to_people_and_exits_3(check: Check, ledger: LedgerScenario) -> None:
    altered(ledger.database, "delete from discord_user_current_roles")
    ended = check()
    assert ended.returncode == 3
    assert "automatic repair is limited to fewer than" in ended.stdout
    assert check.gateway.taken == [pushed(12)]
    assert check(REPAIR_BELOW="13").returncode == 0


def test_a_log_that_can_not_be_written_stops_nothing(check: Check, ledger: LedgerScenario) -> None:
    altered(ledger.database, "delete from discord_user_current_roles where user_id = 'm03'")
    ended = check(LOG=str(check.log / "nowhere"))
    assert ended.returncode == 0
    assert "the details were not written" in ended.stderr
    ledger.then_verified()


def test_without_a_gateway_nobody_is_told(check: Check) -> None:
    assert check(PUSHGATEWAY="").returncode == 0


def test_a_gateway_or_a_database_that_is_away_exits_4(check: Check) -> None:
    assert check(PUSHGATEWAY="http://127.0.0.1:9").returncode == 4
    ended = check(PGHOST="127.0.0.1", PGPORT="1")
    assert ended.returncode == 4
    assert check.gateway.taken == []


def test_a_number_that_is_none_is_refused_before_anything_is_done(check: Check) -> None:
    ended = check(REPAIR_BELOW="many")
    assert (ended.returncode, ended.stderr) == (2, "REPAIR_BELOW is no number: many\n")


def test_an_answer_that_is_no_number_is_no_agreement(check: Check, tmp_path: Path) -> None:
    silent = tmp_path / "bin" / "psql"
    silent.parent.mkdir()
    silent.write_text("#!/bin/sh\nexit 0\n")
    silent.chmod(0o755)
    done = check(PATH=f"{silent.parent}:{os.environ['PATH']}")
    assert done.returncode == 4
    assert "no number" in done.stderr
    assert "agree" not in done.stdout
    assert check.gateway.taken == []
