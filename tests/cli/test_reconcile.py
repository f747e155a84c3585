"""`temple reconcile`, and the schedule of a runner."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.processes.reconcile_schedule import reconcile_schedule
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.role_periods import role_periods
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.cli.conftest import ROOT, Typed
from tests.cli.test_run import line_of
from tests.gateway import Gateway, listening_gateway
from tests.queries.builders import altered

Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    for number in range(12):
        found.given(joined(f"m{number:02}", at(1)), role_added(f"m{number:02}", "Oracle", at(2)))
    found.catch_up()
    return found


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with listening_gateway() as listening:
        yield listening


def drift(ledger: LedgerScenario, members: int) -> None:
    altered(ledger.database, f"update temple_member_status set patreon_tier = 'Gold' where user_id < 'm{members:02}'")


def test_what_agrees_is_a_sentence_for_each_projection(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("reconcile")
    assert ended.code == 0
    first = ended.stdout.splitlines()[0]
    assert first == "members: agrees with the log at position 24 (since last, 12 members compared)"
    assert ended.stderr == ""


def test_little_is_repaired_written_down_and_told(
    temple: Typed, ledger: LedgerScenario, gateway: Gateway, home: Path
) -> None:
    drift(ledger, 2)
    ended = temple("reconcile", TEMPLE_PUSHGATEWAY=gateway.url)
    assert ended.code == 0
    assert "members: 2 issues found" in ended.stdout
    assert "2 members or counts repaired" in ended.stdout
    ledger.then_verified()
    lines = (home / "logs" / "consistency-issues.log").read_text().splitlines()
    assert [json.loads(line)["user_id"] for line in lines] == ["m00", "m01"]
    ((path, body),) = gateway.taken
    assert path == "/metrics/job/ledger-consistency"
    assert "ledger_consistency_check_failures 0.0\n" in body


def test_much_is_left_to_people_and_exits_3(
    temple: Typed, ledger: LedgerScenario, gateway: Gateway, tmp_path: Path
) -> None:
    drift(ledger, 11)
    details = tmp_path / "issues"
    ended = temple("reconcile", "--full", "--pushgateway", gateway.url, "--details", str(details))
    assert ended.code == 3
    assert "11 differences found. Automatic repair is limited to 9; run: temple repair" in ended.stdout
    assert len(details.read_text().splitlines()) == 11
    assert "ledger_consistency_check_failures 11.0\n" in gateway.taken[0][1]
    assert temple("reconcile", "--repair-below", "12").code == 0


def test_a_setting_says_how_much_is_little(temple: Typed, ledger: LedgerScenario) -> None:
    drift(ledger, 2)
    assert temple("reconcile", TEMPLE_RECONCILE_REPAIR_BELOW="2").code == 3
    assert temple("reconcile", "--json", TEMPLE_RECONCILE_REPAIR_BELOW="3").data["repaired"] == 2


def test_a_gateway_that_is_away_stops_nothing_and_exits_4(temple: Typed, ledger: LedgerScenario) -> None:
    drift(ledger, 1)
    ended = temple("reconcile", "--pushgateway", "http://127.0.0.1:9")
    assert ended.code == 4
    assert "the Pushgateway did not accept the result" in ended.stderr
    ledger.then_verified()


def test_details_that_can_not_be_written_stop_nothing(temple: Typed, ledger: LedgerScenario, tmp_path: Path) -> None:
    drift(ledger, 1)
    ended = temple("reconcile", "--details", str(tmp_path / "missing" / "issues"))
    assert ended.code == 0
    assert "cannot be written to" in ended.stderr
    ledger.then_verified()


def test_rows_of_another_version_are_an_issue_too(temple: Typed, ledger: LedgerScenario) -> None:
    altered(ledger.database, "update projection_checkpoint set state = 'needs replay' where projection = 'members'")
    ended = temple("reconcile")
    assert ended.code == 3
    assert "members: not verified" in ended.stdout


def test_a_runner_reconciles_what_it_leads_on_its_own_schedule(
    temple: Typed, ledger: LedgerScenario, spawn: Spawn
) -> None:
    drift(ledger, 3)
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        Lease().acquire(connection, [activity.key, role_periods.key])
        process = spawn("run", TEMPLE_RECONCILE_EVERY_SECONDS="0.5")
        assert json.loads(line_of(process, '"reconciled"'))["repaired"] == 3
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
    ledger.then_verified()
    listed = temple("verify", "list", "--json").data["results"]
    assert {each["projection"] for each in listed} == {"members"}


def test_a_reconciliation_that_fails_is_logged_and_the_runner_goes_on(
    temple: Typed, ledger: LedgerScenario, spawn: Spawn
) -> None:
    with ledger.database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("revoke all on verification from temple_project")
    process = spawn("run", TEMPLE_RECONCILE_EVERY_SECONDS="0.1")
    assert '"reconciliation failed"' in line_of(process, "reconciliation")
    ledger.when(joined("zoe", at(5)))
    assert temple("projection", "wait", "members", "--timeout", "30").code == 0


def test_a_reconciliation_at_work_does_not_delay_the_end(ledger: LedgerScenario, environment: dict[str, str]) -> None:
    schedule = reconcile_schedule(0.01, lambda: ["members"], {**os.environ, "PYTHONPATH": str(ROOT), **environment})
    with (
        ledger.database.connect(DatabaseRole.LOGIN, autocommit=False) as holder,
        ledger.database.connect(DatabaseRole.READ) as watcher,
    ):
        holder.execute("lock table verification_round in access exclusive mode")
        schedule.begin()
        waiting = "select count(*) from pg_locks where not granted and relation = 'verification_round'::regclass"
        deadline = monotonic() + 60
        while watcher.execute(f"select ({waiting}), pg_sleep(0.02)".encode()).fetchone() == (0, ""):
            assert monotonic() < deadline
        schedule.end()
        # it waited for a lock that is still held
        assert schedule._process is not None
        assert schedule._process.returncode == -signal.SIGTERM


def test_zero_switches_the_schedule_off_and_less_is_refused(temple: Typed, database: Database) -> None:
    assert temple("config", "show", TEMPLE_RECONCILE_EVERY_SECONDS="0").code == 0
    assert temple("config", "show", TEMPLE_RECONCILE_EVERY_SECONDS="-1").code == 2
