"""The runner: leads, folds, gives way; killed at any point, rows and checkpoint agree."""

import errno
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import DatabaseUnavailable, UnsafeLog
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import PAGE, Look
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models import operations
from temple_ledger.infrastructure.read_models.runner import runner as runner_of_projections
from temple_ledger.infrastructure.read_models.runner.fold_again import fold_again
from temple_ledger.infrastructure.read_models.runner.lease import Lease, somebody_leads
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.infrastructure.read_models.runner.watcher import NullWatcher, Watcher
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection, Step
from temple_ledger.projections.testing.histories import at, joined, left, role_added, role_removed
from tests.killed import Moment, run_killed
from tests.thorough import points
from tests.versions.standing import first


def catch_up(database: Database) -> None:
    with Wakeup(database) as wakeup:
        Runner(database, BUILT_IN, wakeup, catalogue=CATALOGUE).run(until_caught_up=True)


@contextmanager
def running(
    database: Database,
    lease: Lease | None = None,
    *,
    projections: Sequence[Projection] = BUILT_IN,
    watcher: Watcher | None = None,
) -> Iterator[Runner]:
    """A daemon in a thread of its own."""
    with Wakeup(database) as wakeup:
        runner = Runner(database, projections, wakeup, watcher=watcher, lease=lease, catalogue=CATALOGUE)
        thread = threading.Thread(target=runner.run)
        thread.start()
        try:
            yield runner
        finally:
            runner.stop()
            wakeup.wake()
            thread.join(60)
            assert not thread.is_alive()


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Polls; the test fails when the time is over."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        pause.wait(0.02)


def position(database: Database, projection: str = "members") -> int:
    with database.connect(DatabaseRole.READ) as connection:
        return {each.projection: each.position for each in read_checkpoints(connection).values()}[projection]


def head(database: Database) -> int:
    with database.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select coalesce(max(id), 0) from webhook_audit_log").fetchone()
        assert row is not None
        return int(row[0])


def history(ledger: LedgerScenario, number: int) -> None:
    """Twenty events of four members, some of them late."""
    for who in range(4):
        member = f"{number}-{who}"
        ledger.given(
            joined(member, at(1)),
            role_added(member, "Oracle", at(5), by="mod"),
            role_removed(member, "Oracle", at(9 - who)),
            left(member, at(3)) if who % 2 else role_added(member, "Seeker", at(2)),
            role_added(member, "Seeker", at(8)),
        )


def test_catching_up_ends_with_every_event_folded(ledger: LedgerScenario) -> None:
    history(ledger, 1)
    catch_up(ledger.database)
    assert position(ledger.database) == head(ledger.database)
    ledger.then_verified()


def test_a_daemon_folds_what_is_appended_while_it_runs(ledger: LedgerScenario) -> None:
    with running(ledger.database):
        for number in range(3):
            history(ledger, number)
            wait_until(lambda: position(ledger.database) == head(ledger.database))
        ledger.then_verified()


def test_a_projection_that_is_far_behind_holds_up_no_other_one(ledger: LedgerScenario) -> None:
    """Also when it has to go through more of the log than is looked at in one go."""
    with ledger.database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source) "
            "select gen_random_uuid(), now(), 'discord_ping', 'ada', 'sent', 'discord' from generate_series(1, %s)",
            (PAGE + 5_000,),
        )
    with Wakeup(ledger.database) as wakeup:
        Runner(ledger.database, [members], wakeup, catalogue=CATALOGUE).run(until_caught_up=True)
    ledger.given(joined("newest", at(20)))
    steps: list[tuple[str, int]] = []

    class Watching(NullWatcher):
        def stepped(self, key: ProjectionKey, step: Step, seconds: float) -> None:
            steps.append((key.name, step.position))

    with Wakeup(ledger.database) as wakeup:
        Runner(ledger.database, [members, activity], wakeup, watcher=Watching(), catalogue=CATALOGUE).run(
            until_caught_up=True
        )
    assert sum(projection == "activity" for projection, _ in steps) > 2
    assert ("members", head(ledger.database)) in steps[:2]


def test_of_two_runners_one_leads_and_each_event_is_folded_once(ledger: LedgerScenario) -> None:
    with running(ledger.database), running(ledger.database) as second:
        wait_until(lambda: len(second.led_by_others) == 2 or not second.led_by_others)
        for number in range(5):
            history(ledger, number)
        wait_until(lambda: position(ledger.database) == head(ledger.database))
    ledger.then_verified()
    with ledger.database.connect(DatabaseRole.READ) as connection:
        assert connection.execute(
            "select sum(events) from projection_batch where projection = 'members'"
        ).fetchone() == (100,)


def test_a_stopped_runner_gives_its_leases_back(ledger: LedgerScenario) -> None:
    with running(ledger.database):
        wait_until(lambda: _leases(ledger.database) == len(BUILT_IN))
    assert _leases(ledger.database) == 0


def test_a_frozen_leader_is_replaced_and_what_it_still_tries_is_void(ledger: LedgerScenario) -> None:
    history(ledger, 1)
    frozen = Lease(seconds=0.5)
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        assert frozen.acquire(connection, [members.key, activity.key]) == {members.key: None, activity.key: None}
        with running(ledger.database):
            wait_until(lambda: position(ledger.database) == head(ledger.database))
            assert frozen.renew(connection) == frozenset()
        ledger.then_verified()


def test_a_lease_from_before_the_clock_stepped_back_is_over(ledger: LedgerScenario) -> None:
    history(ledger, 1)
    ahead = Lease()
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        ahead.acquire(connection, [members.key, activity.key])
        connection.execute(
            "update projection_lease"
            " set renewed_at = renewed_at + interval '1 hour', expires_at = expires_at + interval '1 hour'"
        )
        assert not somebody_leads(connection, members.key)
        assert Lease().acquire(connection, [members.key, activity.key]) == {members.key: None, activity.key: None}
        assert ahead.renew(connection) == frozenset()


def test_a_holder_of_a_lease_from_before_the_clock_stepped_back_renews_it(ledger: LedgerScenario) -> None:
    holder = Lease()
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        holder.acquire(connection, [members.key])
        connection.execute(
            "update projection_lease"
            " set renewed_at = renewed_at + interval '1 hour', expires_at = expires_at + interval '1 hour'"
        )
        assert holder.renew(connection) == {members.key}
        assert somebody_leads(connection, members.key)


def test_a_position_rolled_back_is_no_obstacle(ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.APPEND) as connection, connection.transaction(force_rollback=True):
        connection.execute(
            "insert into webhook_audit_log (event_id, event_type, user_id, action, source) "
            "select gen_random_uuid(), 'x', 'x', 'x', 'x' from generate_series(1, 50)"
        )
    history(ledger, 1)
    catch_up(ledger.database)
    ledger.then_verified()
    assert position(ledger.database) == head(ledger.database)


def test_a_paused_projection_stands_still_and_the_others_go_on(ledger: LedgerScenario) -> None:
    operations.set_state(ledger.database, members.key, ProjectionState.PAUSED, reason="looking into it", by="ada")
    history(ledger, 1)
    catch_up(ledger.database)
    assert position(ledger.database, "members") == 0
    assert position(ledger.database, "activity") == head(ledger.database)
    operations.set_state(ledger.database, members.key, ProjectionState.RUNNING, by="ada")
    catch_up(ledger.database)
    ledger.then_verified()


def test_a_pause_reaches_a_running_daemon(ledger: LedgerScenario) -> None:
    with running(ledger.database):
        wait_until(lambda: _leases(ledger.database) == len(BUILT_IN))
        operations.set_state(ledger.database, members.key, ProjectionState.PAUSED, by="ada")
        history(ledger, 1)
        wait_until(lambda: position(ledger.database, "activity") == head(ledger.database))
        assert position(ledger.database, "members") == 0
        operations.set_state(ledger.database, members.key, ProjectionState.RUNNING, by="ada")
        wait_until(lambda: position(ledger.database, "members") == head(ledger.database))


def test_a_repair_between_two_batches_does_not_come_undone(ledger: LedgerScenario) -> None:
    ledger.given(joined("ada", at(1)), role_added("ada", "Oracle", at(2)))
    with running(ledger.database):
        wait_until(lambda: position(ledger.database) == head(ledger.database))
        with ledger.database.connect(DatabaseRole.PROJECT) as connection:
            connection.execute("update discord_user_current_roles set role = 'Forged' where user_id = 'ada'")
        assert not verify(ledger.database, members, catalogue=CATALOGUE).ok
        with operations.operation(ledger.database, members.key) as (transaction, checkpoint):
            fold_again(transaction, members, checkpoint, ["ada"], catalogue=CATALOGUE)
        assert verify(ledger.database, members, catalogue=CATALOGUE).ok
        ledger.when(role_added("ada", "Seeker", at(3)))
        wait_until(lambda: position(ledger.database) == head(ledger.database))
        ledger.then_verified()
    ledger.then_roles("ada", ["Oracle", "Seeker"])


def test_a_runner_whose_first_question_is_cut_off_says_so_in_a_sentence(ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.OWNER) as owner, ThreadPoolExecutor(1) as thread:
        owner.autocommit = False
        owner.execute("lock table webhook_audit_log")
        asking = thread.submit(catch_up, ledger.database)
        with ledger.database.connect(DatabaseRole.LOGIN) as admin:
            wait_until(
                lambda: bool(
                    admin.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' "
                        "and datname = current_database() and application_name = 'temple run'"
                    ).fetchall()
                )
            )
        assert isinstance(asking.exception(60), DatabaseUnavailable)


def test_a_runner_recovers_from_losing_its_connection(ledger: LedgerScenario) -> None:
    with running(ledger.database):
        history(ledger, 0)
        wait_until(lambda: position(ledger.database) == head(ledger.database))
        for number in range(1, 5):
            history(ledger, number)
            with ledger.database.connect(DatabaseRole.LOGIN) as admin:
                admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid()"
                )
        wait_until(lambda: position(ledger.database) == head(ledger.database))
    ledger.then_verified()


def test_a_connection_that_is_lost_when_all_is_folded_is_made_again(ledger: LedgerScenario) -> None:
    history(ledger, 0)
    looks: list[Look] = []

    class Cutting(NullWatcher):
        def looked(self, look: Look) -> None:
            looks.append(look)
            if len(looks) == 2:
                with ledger.database.connect(DatabaseRole.LOGIN) as admin:
                    admin.execute(
                        "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                        "where datname = current_database() and application_name = 'temple run'"
                    )

    with Wakeup(ledger.database) as wakeup, capture_logs() as logs:
        Runner(ledger.database, [members], wakeup, watcher=Cutting(), catalogue=CATALOGUE).run(until_caught_up=True)
    assert "database error, trying again" in {each["event"] for each in logs}
    ledger.then_verified()


def test_a_log_that_can_not_be_read_safely_is_refused(ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("alter sequence webhook_audit_log_id_seq cache 20")
    with pytest.raises(UnsafeLog):
        catch_up(ledger.database)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_exchange_rows_and_checkpoint_agree(ledger: LedgerScenario, moment: Moment) -> None:
    for exchange in points(400, moment=moment, apart=3):
        history(ledger, exchange)
        killed = run_killed(lambda: catch_up(ledger.database), at=exchange, moment=moment)
        ledger.then_verified()
        if not killed:
            break
    else:
        pytest.fail("the runner never came to its end")
    assert exchange > 20
    catch_up(ledger.database)
    ledger.then_verified()
    assert position(ledger.database) == head(ledger.database)


def test_a_killed_leader_is_replaced_before_its_lease_is_over(ledger: LedgerScenario) -> None:
    child = os.fork()
    if child == 0:
        try:
            with Wakeup(ledger.database) as wakeup:
                Runner(
                    ledger.database, [members, activity], wakeup, catalogue=CATALOGUE, lease=Lease(seconds=3_600)
                ).run()
        finally:
            os._exit(1)
    try:
        wait_until(lambda: _leases(ledger.database) == 2)
        history(ledger, 1)
        wait_until(lambda: position(ledger.database) == head(ledger.database))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    history(ledger, 2)
    with running(ledger.database):
        wait_until(lambda: position(ledger.database) == head(ledger.database))
    ledger.then_verified()


def _leases(database: Database) -> int:
    with database.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select count(*) from projection_lease").fetchone()
        assert row is not None
        return int(row[0])


def test_the_journal_of_batches_keeps_one_row_a_minute_after_an_hour(ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(
            """
            insert into projection_batch (projection, version, last_position, events, committed_at)
            select 'members', 1, n, 10, timestamptz '2026-01-01 00:00:00Z' + n * interval '1 second'
            from generate_series(1, 180) as n
            """
        )
        connection.execute(statement("journal_merge"))
        rows = connection.execute(
            "select last_position, events from projection_batch order by last_position"
        ).fetchall()
    assert rows == [(59, 590), (119, 600), (179, 600), (180, 10)]


class _Taken(NullWatcher):
    """When the projections of our own have been stepped, somebody else has the lease of the one that comes next."""

    stop: Callable[[], None]

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rounds = 0

    def stepped(self, key: ProjectionKey, step: Step, seconds: float) -> None:
        with self._database.connect(DatabaseRole.LOGIN) as connection:
            connection.execute(
                "update projection_lease set holder = gen_random_uuid(), description = 'somebody'"
                " where projection = 'standing'"
            )

    def beat(self) -> None:
        self._rounds += 1
        if self._rounds > 1:
            self.stop()


def test_a_lease_that_is_lost_during_the_step_of_another_projection_ends_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_of_projections, "RENEW_SECONDS", 0.0)
    bring_up_to_date(database, [*BUILT_IN, first])
    LedgerScenario(database, projections=[*BUILT_IN, first], migrated=True).given(role_added("ada", "Oracle", at(1)))
    with Wakeup(database) as wakeup:
        taken = _Taken(database)
        runner = Runner(database, [*BUILT_IN, first], wakeup, catalogue=CATALOGUE, watcher=taken)
        taken.stop = runner.stop
        runner.run()
    assert (position(database), position(database, "standing")) == (1, 0)


class _Short(psycopg.Cursor[Any]):
    """So many times, the machine has no descriptor left when a checkpoint is to be locked."""

    left = 0

    def execute(self, query: Any, *arguments: Any, **named: Any) -> "_Short":
        if _Short.left and query in (statement("checkpoint_lock"), statement("checkpoint_lock_free")):
            _Short.left -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        super().execute(query, *arguments, **named)
        return self


def test_a_machine_that_has_no_descriptor_left_for_a_moment_stops_no_projection(database: Database) -> None:
    LedgerScenario(database).given(role_added("ada", "Oracle", at(1)))
    _Short.left = 2
    catch_up(Database(database.dsn, cursors=_Short))
    assert _Short.left == 0
    assert position(database) == 1
