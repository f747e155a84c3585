"""Far behind, one of our own projections is folded by a second process; whatever becomes of it, nothing is lost."""

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast
from uuid import UUID

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.processes import second_process
from temple_ledger.infrastructure.processes.second_process import SecondProcess
from temple_ledger.infrastructure.read_models.operations import set_state
from temple_ledger.infrastructure.read_models.runner.beside import FAR
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.watcher import NullWatcher
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import EVERY
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection, Step
from temple_ledger.projections.role_periods import role_periods
from tests.cli.conftest import Typed, environment, home, temple  # noqa: F401 -- fixtures
from tests.killed import Moment, die_at
from tests.runner.test_runner import head, history, position, wait_until


class Steps(NullWatcher):
    """Events by projection."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()

    def stepped(self, key: ProjectionKey, step: Step, seconds: float) -> None:
        self.events[key.name] += step.events


class Second(SecondProcess):
    """With something that happens when it has begun, and a runner beside it."""

    def __init__(
        self,
        database: Database,
        then: Callable[["Second"], None] = lambda _: None,
        *,
        lanes: frozenset[int] = EVERY,
    ) -> None:
        path = os.pathsep.join(filter(None, sys.path))
        self.steps = Steps()
        settings = {**os.environ, "PYTHONPATH": path, "TEMPLE_DATABASE_URL": database.dsn}
        super().__init__(settings, self.steps, lanes=lanes)
        self.begun: list[ProjectionKey] = []
        self._database = database
        self._then = then

    def begin(self, key: ProjectionKey, holder: UUID) -> bool:
        begun = super().begin(key, holder)
        if begun:
            self.begun.append(key)
            self._then(self)
        return begun

    def send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def arguments(self) -> list[str]:
        assert self._process is not None
        return [str(each) for each in cast("Sequence[object]", self._process.args)]

    def catch_up(self, projections: Sequence[Projection] = BUILT_IN) -> None:
        with Wakeup(self._database) as wakeup, self.ended():
            # no lease ends by time, but where a test says so
            lease = Lease(seconds=3_600)
            self.runner = Runner(
                self._database, projections, wakeup, catalogue=CATALOGUE, watcher=self.steps, lease=lease, beside=self
            )
            self.runner.run(until_caught_up=True)


@contextmanager
def catching_up(second: Second) -> Iterator[None]:
    """On a thread; it has ended with the block."""
    thread = threading.Thread(target=second.catch_up)
    thread.start()
    try:
        yield
    finally:
        thread.join(60)
        assert not thread.is_alive()


@contextmanager
def in_a_step(second: Second, database: Database) -> Iterator[None]:
    """A runner is at work, and its second process waits in the middle of a step as long as the block lasts."""
    with catching_up(second), database.connect(DatabaseRole.LOGIN) as connection, connection.transaction():
        connection.execute("lock table role_periods in exclusive mode")
        wait_until(
            lambda: bool(
                count(database, "pg_stat_activity", "wait_event_type = 'Lock' and application_name = 'temple run'")
            )
        )
        yield


def count(database: Database, table: str, where: str = "true") -> int:
    with database.connect(DatabaseRole.LOGIN) as connection:
        ((found,),) = connection.execute(f"select count(*) from {table} where {where}".encode()).fetchall()
    return int(found)


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    """Forty events, and between them as many numbers that were rolled back as make a runner far behind."""
    ledger = LedgerScenario(database)
    history(ledger, 1)
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("select setval(pg_get_serial_sequence('webhook_audit_log', 'id'), %s)", (2 * FAR,))
    history(ledger, 2)
    return ledger


def require_all_folded(ledger: LedgerScenario) -> None:
    assert {position(ledger.database, each.name) for each in BUILT_IN} == {head(ledger.database)}
    assert count(ledger.database, "projection_lease") == 0
    ledger.then_verified()


def test_the_last_of_our_own_is_folded_by_it_and_its_steps_are_reported(ledger: LedgerScenario) -> None:
    second = Second(ledger.database)
    second.catch_up()
    assert second.begun == [role_periods.key]
    assert second.steps.events == {each.name: 40 for each in BUILT_IN}
    require_all_folded(ledger)


def test_a_runner_at_the_command_line_has_one(temple: Typed, ledger: LedgerScenario) -> None:  # noqa: F811
    ended = temple("run", "--until-caught-up", TEMPLE_LOG_LEVEL="info")
    assert ended.code == 0, ended.stderr
    assert "folded by a second process" in ended.stderr
    assert "120 events folded" in ended.stdout
    require_all_folded(ledger)


def test_it_leads_no_other_lanes_than_the_runner(ledger: LedgerScenario) -> None:
    """Its projection may be split while it is at work."""
    asked: list[str] = []
    Second(ledger.database, lambda second: asked.extend(second.arguments()), lanes=frozenset(range(8))).catch_up()
    assert asked[asked.index("--lanes") + 1] == "0-7"
    require_all_folded(ledger)


def test_one_projection_alone_is_folded_here(ledger: LedgerScenario) -> None:
    second = Second(ledger.database)
    second.catch_up([members])
    assert second.begun == []


def test_near_the_end_of_the_log_there_is_none(ledger: LedgerScenario) -> None:
    Second(ledger.database).catch_up()
    history(ledger, 3)
    second = Second(ledger.database)
    second.catch_up()
    assert second.begun == []
    require_all_folded(ledger)


def test_on_one_core_there_is_none(ledger: LedgerScenario) -> None:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        second = Second(ledger.database)
    finally:
        os.sched_setaffinity(0, cores)
    second.catch_up()
    assert second.begun == []
    require_all_folded(ledger)


def test_killed_before_it_leads_it_leaves_its_projection_to_the_runner(ledger: LedgerScenario) -> None:
    second = Second(ledger.database, lambda second: second.send(signal.SIGKILL))
    second.catch_up()
    assert second.begun == [role_periods.key]
    require_all_folded(ledger)


def test_killed_in_a_step_it_leaves_its_projection_to_the_runner(ledger: LedgerScenario) -> None:
    second = Second(ledger.database)
    with in_a_step(second, ledger.database):
        second.send(signal.SIGKILL)
    assert second.begun == [role_periods.key]
    require_all_folded(ledger)


def test_frozen_it_leads_no_longer_than_its_lease(ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_process, "END_SECONDS", 0.1)
    second = Second(ledger.database, lambda second: second.send(signal.SIGSTOP))
    with catching_up(second), ledger.database.connect(DatabaseRole.LOGIN) as connection:
        wait_until(lambda: count(ledger.database, "(select distinct holder from projection_lease) as led") == 2)
        connection.execute("update projection_lease set expires_at = now() where projection = 'role_periods'")
    require_all_folded(ledger)


def test_it_stops_with_the_runner_and_the_next_one_goes_on(ledger: LedgerScenario) -> None:
    second = Second(ledger.database)
    with in_a_step(second, ledger.database):
        second.runner.stop()
        second.stop()
        wait_until(lambda: count(ledger.database, "projection_lease") == 0)
    assert position(ledger.database, "role_periods") == 0
    Second(ledger.database).catch_up()
    require_all_folded(ledger)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_it_ends_with_a_runner_that_is_killed_when_it_hands_over(ledger: LedgerScenario, moment: Moment) -> None:
    child = os.fork()
    if child == 0:
        try:
            Second(ledger.database, lambda _: die_at(1, moment)).catch_up()
        finally:
            os._exit(1)
    _, ended = os.waitpid(child, 0)
    assert os.WTERMSIG(ended) == signal.SIGKILL
    wait_until(lambda: count(ledger.database, "pg_stat_activity", "application_name = 'temple run'") == 0)
    Second(ledger.database).catch_up()
    require_all_folded(ledger)


def test_it_ends_with_a_runner_that_is_killed_meanwhile(ledger: LedgerScenario) -> None:
    child = os.fork()
    if child == 0:
        try:
            with Wakeup(ledger.database) as wakeup:
                second = Second(ledger.database)
                Runner(ledger.database, BUILT_IN, wakeup, catalogue=CATALOGUE, beside=second).run()
        finally:
            os._exit(1)
    with ledger.database.connect(DatabaseRole.LOGIN) as connection, connection.transaction():
        connection.execute("lock table role_periods in exclusive mode")
        waits = "wait_event_type = 'Lock' and application_name = 'temple run'"
        wait_until(lambda: count(ledger.database, "pg_stat_activity", waits) == 1)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        wait_until(lambda: count(ledger.database, "pg_stat_activity", "application_name = 'temple run'") == 0)
    Second(ledger.database).catch_up()
    require_all_folded(ledger)


def test_paused_its_projection_is_not_waited_for(ledger: LedgerScenario) -> None:
    def pause(_: Second) -> None:
        set_state(ledger.database, role_periods.key, ProjectionState.PAUSED, by="test")

    second = Second(ledger.database, pause)
    second.catch_up()
    assert second.begun == [role_periods.key]
    assert [position(ledger.database, each.name) for each in (members, activity)] == [head(ledger.database)] * 2
    assert position(ledger.database, "role_periods") == 0
