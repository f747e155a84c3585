"""`temple run`: the projection runner."""

import signal
import subprocess
from collections.abc import Callable
from selectors import EVENT_READ, DefaultSelector
from time import monotonic

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.read_models.trigger_mode import enable
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.cli.conftest import Typed
from tests.log.faulty_wire import faulty_wire
from tests.queries.builders import altered, unfoldable

Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(joined("ada", at(1)), role_added("ada", "Oracle", at(2)), joined("bob", at(3)))
    return found


def test_until_caught_up_folds_what_is_in_the_log_and_says_so(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("run", "--until-caught-up")
    assert ended.code == 0
    assert (
        "caught up, members at position 3, activity at position 3 and role_periods at position 3: 9 events folded"
        in ended.stdout
    )
    assert " folded in " in ended.stdout
    ledger.then_roles("ada", ["Oracle"])


def test_a_second_time_there_is_nothing_to_fold(temple: Typed, ledger: LedgerScenario) -> None:
    temple("run", "--until-caught-up")
    ended = temple("run", "--until-caught-up")
    assert (ended.code, "0 events folded" in ended.stdout) == (0, True)


def test_only_the_named_projections_are_run(temple: Typed, ledger: LedgerScenario) -> None:
    assert temple("run", "--until-caught-up", "activity").code == 0
    states = temple("projection", "list", "--json").data
    assert {each["name"]: each["position"] for each in states} == {"members": 0, "activity": 3, "role_periods": 0}


def test_parked_members_are_told_with_the_next_command(temple: Typed, ledger: LedgerScenario) -> None:
    unfoldable(ledger.database, "bob", at(4))
    ended = temple("run", "--until-caught-up")
    assert ended.code == 0
    assert "1 event could not be folded; its member is parked; see: temple failures list" in ended.stderr


def test_a_projection_that_stands_still_is_not_waited_for_and_exits_1(temple: Typed, ledger: LedgerScenario) -> None:
    temple("projection", "pause", "members", "--reason", "a restore")
    altered(ledger.database, "update projection_checkpoint set state = 'needs replay' where projection = 'activity'")
    ended = temple("run", "--until-caught-up")
    assert ended.code == 1
    assert "members stands still (paused): a restore; run: temple projection resume members" in ended.stderr
    assert "activity stands still (needs replay); run: temple replay activity" in ended.stderr


def test_what_the_trigger_keeps_does_not_stand_still(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.catch_up()
    enable(ledger.database, catalogue=CATALOGUE, by="ada")
    ended = temple("run", "--until-caught-up")
    assert ended.code == 0
    assert "members is maintained by the trigger" in ended.stderr
    assert "None" not in ended.stderr


def test_while_another_runner_leads_it_says_so_and_waits_for_its_position(
    temple: Typed, ledger: LedgerScenario, spawn: Spawn
) -> None:
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        lease = Lease()
        lease.acquire(connection, [members.key, activity.key])
        process = spawn("run", "--until-caught-up")
        assert "this one takes over when it ends" in line_of(process, "another runner leads")
        assert process.poll() is None
        lease.release(connection)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "caught up, members at position 3" in stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_daemon_end_with_0_and_give_back_its_leases(
    temple: Typed, ledger: LedgerScenario, spawn: Spawn, number: signal.Signals
) -> None:
    process = spawn("run")
    assert temple("projection", "wait", "members", "--timeout", "60").code == 0
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert "ended after the batch at hand; 9 events folded" in stderr
    assert "Traceback" not in stderr
    with ledger.database.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select * from projection_lease").fetchall() == []


def test_a_daemon_folds_what_comes_after_it_began(temple: Typed, ledger: LedgerScenario, spawn: Spawn) -> None:
    spawn("run")
    assert temple("projection", "wait", "members", "--timeout", "60").code == 0
    appended = temple("events", "append", "--type", "discord_leave/left", "--user", "ada", "--json").data
    position = str(appended["position"])
    assert temple("projection", "wait", "members", "--position", position, "--timeout", "60").code == 0
    assert temple("member", "show", "ada", "--json").data["status"] == "departed"


def test_an_unknown_projection_is_a_sentence_with_near_names(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("run", "membres")
    assert (ended.code, ended.stderr) == (1, "temple: no projection 'membres'; did you mean members?\n")


def test_a_log_that_is_not_safe_to_read_is_refused_with_5(temple: Typed, ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("alter sequence webhook_audit_log_id_seq cache 20")
    ended = temple("run", "--until-caught-up")
    assert ended.code == 5
    assert len([line for line in ended.stderr.splitlines() if line.startswith("temple: ")]) == 1


def line_of(process: "subprocess.Popen[str]", wanted: str, *, seconds: float = 60) -> str:
    """The first line on stderr with *wanted* in it."""
    assert process.stderr is not None
    deadline = monotonic() + seconds
    with DefaultSelector() as selector:
        selector.register(process.stderr, EVENT_READ)
        while selector.select(max(0.0, deadline - monotonic())):
            line = process.stderr.readline()
            assert line, "the process ended before it said so"
            if wanted in line:
                return line
    raise AssertionError(f"nothing on stderr with {wanted!r}")


@pytest.mark.parametrize("reconnecting", [False, True])
def test_a_runner_in_front_of_a_silent_network_ends_when_asked_to(
    ledger: LedgerScenario, spawn: Spawn, reconnecting: bool
) -> None:
    """Within 5 s, measured; a loaded machine is given ten times as long."""
    with faulty_wire(ledger.database) as wire:
        process = spawn("run", TEMPLE_DATABASE_URL=wire.database.dsn, TEMPLE_METRICS_PORT="0")
        line_of(process, "leads")
        wire.swallow()
        if reconnecting:
            with ledger.database.connect(DatabaseRole.LOGIN) as admin:
                admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'temple %'"
                    " and pid <> pg_backend_pid() and datname = current_database()"
                )
            line_of(process, "trying again")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=50) == 0
