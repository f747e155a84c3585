"""Far behind, a second process folds a part of the members of a step; whatever becomes of it, nothing is lost."""

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count as numbers
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo
from structlog.testing import capture_logs

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.processes import second_process
from temple_ledger.infrastructure.processes.second_process import SecondProcess
from temple_ledger.infrastructure.processes.with_parent import end_with_parent
from temple_ledger.infrastructure.read_models.operations import set_state
from temple_ledger.infrastructure.read_models.runner.beside import FAR, READY, Folded, Others, Shared, WideStep
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.together import wide_step_together
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.infrastructure.read_models.runner.watcher import NullWatcher
from temple_ledger.infrastructure.read_models.runner.wide_connections import WideConnections
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.brake import FEW
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection, Step, processor_of
from temple_ledger.projections.projecting import Among
from temple_ledger.projections.role_periods import role_periods
from temple_ledger.projections.step import FoldedPart, TooWide
from temple_ledger.projections.testing.histories import at, joined, role_added, role_removed
from tests.cli.conftest import Typed, environment, home, temple  # noqa: F401 -- fixtures
from tests.queries.builders import unfoldable
from tests.runner.test_histories import EVENT, _entry
from tests.runner.test_runner import head, position, wait_until
from tests.thorough import examples

EVERYTHING = 1_000_000
_examples = numbers(1)


class Steps(NullWatcher):
    """Events and parked members, by projection."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.parked: Counter[str] = Counter()
        self.failed_ones: list[str] = []

    def stepped(self, key: ProjectionKey, step: Step, seconds: float) -> None:
        self.events[key.name] += step.events
        self.parked[key.name] += len(step.failures)

    def failed(self, key: ProjectionKey) -> None:
        self.failed_ones.append(key.name)


class Second(SecondProcess):
    """In each step it is given one part, before the runner folds any; *then* is called at that moment."""

    def __init__(
        self, database: Database, then: Callable[["Second"], None] = lambda _: None, *, before: Sequence[Path] = ()
    ) -> None:
        """*before*: folders in which it looks for what is installed first."""
        path = os.pathsep.join([*map(str, before), *filter(None, sys.path)])
        super().__init__(database, {**os.environ, "PYTHONPATH": path})
        self.steps = Steps()
        self.begun = 0
        self.folded: list[FoldedPart] = []
        """What it handed over, of all projections."""
        self.cuts = 0
        self._then = then

    def begin(self) -> None:
        there = self.is_there
        super().begin()
        self.begun += self.is_there and not there

    @contextmanager
    def folding(self, step: WideStep, parts: Shared) -> Iterator[Others]:
        one = _OneOf(parts)
        with super().folding(step, one) as others:
            if self.is_there:
                wait_until(one.was_taken.is_set)
                self._then(self)
            yield _Noting(others, self.folded)

    def send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def catch_up(self, projections: Sequence[Projection] = BUILT_IN) -> None:
        database = self._database
        with Wakeup(database) as wakeup, self.ended():
            self.runner = Runner(database, projections, wakeup, catalogue=CATALOGUE, watcher=self.steps, beside=self)
            self.runner.run(until_caught_up=True)

    def members_folded(self) -> set[str]:
        found: set[str] = set()
        for some in (some for part in self.folded for some in part.written or ()):
            text = some.frontiers if isinstance(some.frontiers, str) else None
            found.update(some.frontiers if text is None else [line.split("\t")[2] for line in text.splitlines()])
        return found


class _OneOf(Shared):
    """The second process gets one of these parts, and the rest is folded here."""

    def __init__(self, parts: Shared) -> None:
        super().__init__(())
        self._parts = parts
        self.was_taken = threading.Event()

    def take(self) -> Among | None:
        if self.was_taken.is_set():
            return None
        part = self._parts.take()
        self.was_taken.set()
        return part


class _Noting:
    def __init__(self, others: Others, folded: list[FoldedPart]) -> None:
        self._others = others
        self._folded = folded

    def folded(self) -> Iterator[Folded]:
        for parts in self._others.folded():
            self._folded += parts
            yield parts

    def rest(self) -> Iterator[Folded | None]:
        for parts in self._others.rest():
            self._folded += parts or ()
            yield parts


def count(database: Database, table: str, where: str = "true") -> int:
    with database.connect(DatabaseRole.LOGIN) as connection:
        ((found,),) = connection.execute(f"select count(*) from {table} where {where}".encode()).fetchall()
    return int(found)


def history(ledger: LedgerScenario, hours: float = 0) -> None:
    """Of forty members, so many hours later."""
    for number in range(40):
        member = f"member-{number:02}"
        ledger.given(
            joined(member, at(hours + 1)),
            role_added(member, "Oracle", at(hours + 5), by="mod"),
            role_added(member, "Seeker", at(hours + 2)),
            role_removed(member, "Oracle", at(hours + 9)),
        )


def leave_a_gap(database: Database) -> None:
    """So many numbers that were rolled back that a runner is far behind."""
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(
            "select setval(pg_get_serial_sequence('webhook_audit_log', 'id'), "
            "(select last_value from webhook_audit_log_id_seq) + %s)",
            (FAR,),
        )


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    """A log that nobody has folded, with a runner far behind its end."""
    ledger = LedgerScenario(database)
    leave_a_gap(database)
    history(ledger)
    return ledger


def require_all_folded(ledger: LedgerScenario) -> None:
    assert {position(ledger.database, each.name) for each in BUILT_IN} == {head(ledger.database)}
    assert count(ledger.database, "projection_lease") == 0
    ledger.then_verified()


def test_a_part_of_the_members_is_folded_by_it_and_stored_in_the_one_step(ledger: LedgerScenario) -> None:
    second = Second(ledger.database)
    second.catch_up()
    assert second.begun == 1
    assert 0 < len(second.members_folded()) < 40
    assert second.steps.events == {each.name: 160 for each in BUILT_IN}
    require_all_folded(ledger)


@contextmanager
def stepping(second: Second, database: Database) -> Iterator[Callable[[int], None]]:
    """Wide steps of at most so many events, each with the process."""
    with database.connect(DatabaseRole.PROJECT) as connection, second.ended():
        wide = WideConnections(database.connect)
        opened = transactions(connection, wide=wide)
        processors = [processor_of(each, opened, catalogue=CATALOGUE) for each in BUILT_IN]
        second.begin()

        def step(limit: int) -> None:
            upto = settled_head(connection)
            wide_step_together(processors, opened, upto=upto, limit=limit, in_time=lambda: True, beside=second)

        try:
            yield step
        finally:
            wide.close()


def test_members_with_rows_and_late_events_are_folded_by_it_as_well(ledger: LedgerScenario) -> None:
    ledger.catch_up()
    history(ledger, 100)
    ledger.given(*(role_added(f"member-{number:02}", "Late", at(3)) for number in range(40)))
    second = Second(ledger.database)
    with stepping(second, ledger.database) as step:
        step(EVERYTHING)
    assert 0 < len(second.members_folded()) < 40
    assert sum(part.refolded for part in second.folded) >= len(second.members_folded())
    require_all_folded(ledger)


def test_rows_are_the_fold_of_any_history_in_steps_of_any_width(database: Database) -> None:
    ledger = LedgerScenario(database)
    second = Second(database)
    with stepping(second, database) as step:

        @settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(EVENT, min_size=1, max_size=30), st.lists(st.integers(1, 12), min_size=1, max_size=4))
        def holds(drawn: list[Any], widths: list[int]) -> None:
            example = next(_examples) + 2_000_000
            ledger.append(_entry(number, example, each) for number, each in enumerate(drawn))
            for width in [*widths, EVERYTHING]:
                step(width)
            ledger.then_verified()

        holds()
    assert second.members_folded()


def test_whom_it_cannot_fold_is_parked_and_what_was_skipped_is_left_out(ledger: LedgerScenario) -> None:
    skipped, *_ = [unfoldable(ledger.database, f"member-0{number}", at(3)) for number in range(3)]
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(
            "insert into skipped_position (projection, position, user_id, skipped_by, reason) "
            "values ('members', %s, 'member-00', 'mod', 'wrong')",
            (skipped,),
        )
    second = Second(ledger.database)
    second.catch_up()
    assert "member-00" in second.members_folded()
    assert second.steps.parked == {"members": 2, "role_periods": 3, "activity": 0}
    require_all_folded(ledger)


def test_the_brake_counts_whom_either_process_cannot_fold(ledger: LedgerScenario) -> None:
    """Each of them has fewer than would stop a projection."""
    parts = 4
    for number in range(FEW + 1):
        unfoldable(ledger.database, f"member-{number * 40 // (FEW + 1):02}", at(3))
    second = Second(ledger.database)
    second.catch_up()
    there = [len(part.failures) for part in second.folded if part.failures]
    assert there, "it has met none of them"
    assert sum(there) < FEW * parts
    assert sorted(set(second.steps.failed_ones)) == ["members", "role_periods"]
    assert position(ledger.database, "members") == 0
    assert position(ledger.database, "activity") == head(ledger.database)


def test_a_runner_at_the_command_line_has_one(temple: Typed, ledger: LedgerScenario) -> None:  # noqa: F811
    ended = temple("run", "--until-caught-up", TEMPLE_LOG_LEVEL="info")
    assert ended.code == 0, ended.stderr
    assert "a second process folds a part of the members" in ended.stderr
    assert "480 events folded" in ended.stdout
    require_all_folded(ledger)


def test_one_projection_alone_is_folded_here(ledger: LedgerScenario) -> None:
    second = Second(ledger.database)
    second.catch_up([members])
    assert second.begun == 0


def test_near_the_end_of_the_log_there_is_none(ledger: LedgerScenario) -> None:
    Second(ledger.database).catch_up()
    history(ledger, 100)
    second = Second(ledger.database)
    second.catch_up()
    assert second.begun == 0
    require_all_folded(ledger)


def test_on_one_core_there_is_none(ledger: LedgerScenario) -> None:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        second = Second(ledger.database)
    finally:
        os.sched_setaffinity(0, cores)
    second.catch_up()
    assert second.begun == 0
    require_all_folded(ledger)


def test_a_first_step_that_is_cut_off_is_followed_by_another_one(ledger: LedgerScenario) -> None:
    """Batches, and steps over tables that they have filled, would take several times as long."""
    leave_a_gap(ledger.database)
    ledger.given(joined("newest", at(200)))
    cuts: list[Second] = []

    def cut(second: Second) -> None:
        if not cuts:
            with ledger.database.connect(DatabaseRole.LOGIN) as admin:
                admin.execute(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                    "where datname = current_database() and application_name = 'temple run'"
                )
        cuts.append(second)

    second = Second(ledger.database, cut)
    with capture_logs() as logs:
        second.catch_up()
    assert len(cuts) == 2
    assert [each["events"] for each in logs if each["event"] == "wide step"] == [161] * len(BUILT_IN)
    require_all_folded(ledger)


def test_killed_with_a_part_the_step_is_taken_again_without_it(ledger: LedgerScenario) -> None:
    second = Second(ledger.database, lambda second: second.send(signal.SIGKILL))
    with capture_logs() as logs:
        second.catch_up()
    assert "a second process ended early" in {each["event"] for each in logs}
    assert second.begun == 1
    require_all_folded(ledger)


def test_one_that_was_lost_is_followed_by_another_one_after_a_while(
    ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_process, "AGAIN_SECONDS", 0.0)
    killed: list[int] = []

    def kill_the_first(second: Second) -> None:
        if not killed:
            killed.append(signal.SIGKILL)
            second.send(signal.SIGKILL)

    second = Second(ledger.database, kill_the_first)
    second.catch_up()
    assert second.begun == 2
    require_all_folded(ledger)


def test_frozen_with_a_part_it_is_not_waited_for(ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_process, "STILL_SECONDS", 0.1)
    # what it has handed over by then is of no step
    second = Second(ledger.database, lambda second: second.send(signal.SIGSTOP))
    second.catch_up()
    assert second.begun == 1
    require_all_folded(ledger)


def test_a_step_that_ends_while_more_comes_than_it_takes_leaves_the_process_to_the_next_one(
    ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for anybody: the runner was slow, the process was not still."""
    monkeypatch.setattr(second_process, "MOST_WAITING", 0)
    monkeypatch.setattr(second_process, "STILL_SECONDS", -1.0)
    come = threading.Event()

    class Receiving(Second):
        def _receive(self, message: Any) -> None:
            if message != READY:
                come.set()
            super()._receive(message)

    def void(_: Second) -> None:
        wait_until(come.is_set)
        raise TooWide

    second = Receiving(ledger.database, void)
    with stepping(second, ledger.database) as step:
        with pytest.raises(TooWide):
            step(EVERYTHING)
        monkeypatch.undo()
        second._then = lambda _: None
        step(EVERYTHING)
    assert second.members_folded()
    require_all_folded(ledger)


def test_what_was_installed_anew_under_a_runner_folds_nothing_for_it(ledger: LedgerScenario, tmp_path: Path) -> None:
    installed = tmp_path / "temple_ledger-9.9.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: temple-ledger\nVersion: 9.9\n")
    second = Second(ledger.database, before=[tmp_path])
    with capture_logs() as logs, stepping(second, ledger.database) as step:
        wait_until(lambda: not second.is_there)
        step(EVERYTHING)
        second.begin()
        assert not second.is_there
    (reason,) = [each["reason"] for each in logs if each["event"] == "a second process ended early"]
    assert "restart the runner" in reason
    assert second.folded == []
    require_all_folded(ledger)


@pytest.mark.parametrize("refused", ["read-ahead", "write behind", "second process"])
def test_a_machine_that_starts_no_thread_for_a_moment_stops_no_projection(
    ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    start, names = threading.Thread.start, list[str]()

    def short(thread: threading.Thread) -> None:
        if thread.name.startswith(refused) and not names:
            names.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", short)
    second = Second(ledger.database)
    projections = BUILT_IN if refused == "second process" else [members]
    second.catch_up(projections)
    assert len(names) == 1
    assert second.steps.failed_ones == []
    assert {position(ledger.database, each.name) for each in projections} == {head(ledger.database)}
    ledger.then_verified()


def test_without_a_thread_to_end_with_its_parent_a_process_says_so_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", short)
    with pytest.raises(SystemExit, match="cannot begin: can't start new thread"):
        end_with_parent(0)


def test_why_it_cannot_begin_is_in_the_log_in_one_line(
    ledger: LedgerScenario, capfd: pytest.CaptureFixture[str]
) -> None:
    nowhere = make_conninfo(ledger.database.dsn, dbname="nowhere")
    second = Second(replace(ledger.database, dsn=nowhere))
    with capture_logs() as logs, second.ended():
        second.begin()
        wait_until(lambda: not second.is_there)
        with second.folding(WideStep((), Position(1), fills=False), Shared(())):
            pass
        second.begin()
    (reason,) = [each["reason"] for each in logs if each["event"] == "a second process ended early"]
    assert 'database "nowhere" does not exist' in reason
    assert not second.is_there
    assert capfd.readouterr().err == ""


def test_where_a_wide_step_gets_no_connection_batches_go_on(ledger: LedgerScenario) -> None:
    def refused(connection: psycopg.Connection[Any]) -> None:
        asked = "select current_user = 'temple_read' and current_setting('application_name') = 'temple run'"
        if connection.execute(asked).fetchone() == (True,):
            raise psycopg.errors.TooManyConnections

    Second(replace(ledger.database, check=refused)).catch_up()
    require_all_folded(ledger)


def test_what_it_cannot_read_is_met_by_the_runner_itself(ledger: LedgerScenario) -> None:
    """Its connections are cut; the step is taken again."""

    def cut(second: Second) -> None:
        if second.cuts:
            second.cuts -= 1
            with ledger.database.connect(DatabaseRole.LOGIN) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'temple fold'"
                )

    second = Second(ledger.database, cut)
    second.cuts = 1
    second.catch_up()
    require_all_folded(ledger)


def test_it_stops_with_the_runner_and_the_next_one_goes_on(ledger: LedgerScenario) -> None:
    second = Second(ledger.database, lambda second: second.runner.stop())
    second.catch_up()
    assert position(ledger.database, "members") == 0
    assert not second.is_there
    Second(ledger.database).catch_up()
    require_all_folded(ledger)


def test_it_ends_with_a_runner_that_is_killed(ledger: LedgerScenario) -> None:
    child = os.fork()
    if child == 0:
        try:
            Second(ledger.database, lambda _: os.kill(os.getpid(), signal.SIGKILL)).catch_up()
        finally:
            os._exit(1)
    _, ended = os.waitpid(child, 0)
    assert os.WTERMSIG(ended) == signal.SIGKILL
    wait_until(lambda: count(ledger.database, "pg_stat_activity", "application_name like 'temple %'") == 0)
    assert position(ledger.database, "members") == 0
    Second(ledger.database).catch_up()
    require_all_folded(ledger)


def test_one_that_is_paused_is_left_out(ledger: LedgerScenario) -> None:
    set_state(ledger.database, role_periods.key, ProjectionState.PAUSED, by="test")
    second = Second(ledger.database)
    second.catch_up()
    assert second.begun == 1
    assert [position(ledger.database, each.name) for each in (members, activity)] == [head(ledger.database)] * 2
    assert position(ledger.database, "role_periods") == 0
