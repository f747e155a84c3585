"""Our own projections are stepped together; whichever cannot go along goes alone until it is well."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.together import (
    SLOW_SECONDS,
    Alone,
    Outcomes,
    step_together,
    wide_step_together,
)
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints, transactions
from temple_ledger.infrastructure.read_models.runner.watcher import NullWatcher
from temple_ledger.infrastructure.read_models.runner.wide_connections import WideConnections, wait_for_nobody
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import CAUGHT_UP, Step, TooWide, processor_of
from temple_ledger.projections.projecting import ProjectingTransaction
from temple_ledger.projections.testing.histories import at, joined, role_added

Fold = Callable[[], Outcomes]
BREAK = "revoke insert on webhook_activity_hourly from temple_project"
MEND = "grant insert on webhook_activity_hourly to temple_project"


@contextmanager
def folding(
    database: Database,
    *,
    wide: bool = False,
    clock: Callable[[], float] = lambda: 0.0,
    opened: list[None] | None = None,
) -> Iterator[Fold]:
    """Steps of both, one after the other, by the same processors; *opened* gets an entry for each transaction."""
    second = WideConnections(database.connect)
    with database.connect(DatabaseRole.PROJECT) as connection:
        wait_for_nobody(connection)  # as a runner
        open_transaction = transactions(connection, wide=second)
        processors = [processor_of(each, open_transaction, catalogue=CATALOGUE) for each in (members, activity)]

        def counted() -> AbstractContextManager[ProjectingTransaction]:
            if opened is not None:
                opened.append(None)
            return open_transaction()

        def fold() -> Outcomes:
            upto = settled_head(connection)
            if wide:
                return wide_step_together(processors, counted, upto=upto, limit=1_000, in_time=lambda: True)
            return step_together(processors, counted, upto=upto, limit=1_000, clock=clock)

        try:
            yield fold
        finally:
            second.close()


def catch_up(database: Database) -> list[tuple[ProjectionKey, int]]:
    """The steps that a runner takes: whose, and up to where."""
    steps: list[tuple[ProjectionKey, int]] = []

    class Watching(NullWatcher):
        def stepped(self, key: ProjectionKey, step: Step, seconds: float) -> None:
            steps.append((key, step.position))

    with Wakeup(database) as wakeup:
        Runner(database, [members, activity], wakeup, watcher=Watching(), catalogue=CATALOGUE).run(until_caught_up=True)
    return steps


def position(database: Database, key: ProjectionKey) -> int:
    with database.connect(DatabaseRole.READ) as connection:
        return read_checkpoints(connection)[key].position


def administer(database: Database, statement: str) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(joined("ada", at(1)), role_added("ada", "Oracle", at(2)), joined("bob", at(1)))
    return found


@pytest.mark.parametrize("wide", [False, True])
def test_one_transaction_has_the_rows_and_checkpoints_of_all(ledger: LedgerScenario, wide: bool) -> None:
    opened: list[None] = []
    with folding(ledger.database, wide=wide, opened=opened) as fold:
        outcomes = fold()
        assert {key.name: (done.step.events, done.alone) for key, done in outcomes.items() if done.step} == {
            "members": (3, None),
            "activity": (3, None),
        }
        ledger.given(role_added("bob", "Seeker", at(3)))
        fold()
        assert {done.step.idle for done in fold().values() if done.step} == {CAUGHT_UP}
    assert len(opened) == 3
    ledger.then_roles("bob", ["Seeker"])
    ledger.then_verified()


def test_one_whose_checkpoint_is_held_is_not_waited_for(ledger: LedgerScenario) -> None:
    with (
        ledger.database.connect(DatabaseRole.PROJECT, autocommit=False) as other,
        folding(ledger.database) as fold,
    ):
        other.execute("select from projection_checkpoint where projection = 'activity' for update")
        outcomes = fold()
        assert (outcomes[activity.key].step, outcomes[activity.key].alone) == (None, Alone.HELD)
        assert outcomes[members.key].step is not None
        assert (position(ledger.database, members.key), position(ledger.database, activity.key)) == (3, 0)
        other.rollback()
        # it is not at the place of the others any more
        ledger.given(joined("eve", at(1)))
        assert [fold()[activity.key].alone, fold()[members.key].alone].count(Alone.STALE) == 1
    catch_up(ledger.database)
    ledger.then_verified()


def test_what_one_of_them_did_is_undone_alone_where_it_fails(ledger: LedgerScenario) -> None:
    administer(ledger.database, BREAK)
    opened: list[None] = []
    with folding(ledger.database, opened=opened) as fold:
        outcomes = fold()
        assert len(opened) == len(["all of it", "in parts"])
        assert (outcomes[activity.key].step, outcomes[activity.key].alone) == (None, Alone.FAILED)
        assert (position(ledger.database, members.key), position(ledger.database, activity.key)) == (3, 0)
    administer(ledger.database, MEND)
    catch_up(ledger.database)
    ledger.then_roles("ada", ["Oracle"])
    ledger.then_verified()


def test_a_step_that_goes_well_is_not_in_parts(ledger: LedgerScenario) -> None:
    with folding(ledger.database) as fold:
        fold()
    with ledger.database.connect(DatabaseRole.READ) as connection:
        # a part would have a number of its own
        written_by = connection.execute(
            "select xmin::text from temple_member_status union select xmin::text from webhook_activity_hourly"
        ).fetchall()
    assert len(written_by) == 1


def test_in_a_wide_step_everything_is_undone_where_one_fails(ledger: LedgerScenario) -> None:
    administer(ledger.database, BREAK)
    with folding(ledger.database, wide=True) as fold:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            fold()
        assert (position(ledger.database, members.key), position(ledger.database, activity.key)) == (0, 0)
        administer(ledger.database, MEND)
        fold()
    ledger.then_verified()


def test_an_error_of_the_database_that_passes_blames_nobody(ledger: LedgerScenario) -> None:
    with (
        ledger.database.connect(DatabaseRole.LOGIN, autocommit=False) as other,
        folding(ledger.database) as fold,
    ):
        other.execute("lock table webhook_activity_hourly")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            fold()
        assert position(ledger.database, members.key) == 0
        other.rollback()
        fold()
    ledger.then_verified()


def test_one_whose_checkpoint_was_moved_goes_alone_until_it_is_where_the_others_are(ledger: LedgerScenario) -> None:
    catch_up(ledger.database)
    with folding(ledger.database) as fold:
        administer(
            ledger.database,
            "update projection_checkpoint set position = 0, passed = 0, counted = 0, epoch = epoch + 1 "
            "where projection = 'activity'; truncate webhook_activity_hourly",
        )
        ledger.given(joined("eve", at(1)))
        alone = fold()
        assert [name for name, done in alone.items() if done.alone is Alone.STALE] != []
    steps = catch_up(ledger.database)
    assert (activity.key, 4) in steps
    ledger.given(joined("zoe", at(1)))
    assert catch_up(ledger.database) == [(members.key, 5), (activity.key, 5)]
    ledger.then_verified()


def test_one_that_takes_long_is_done_and_goes_alone_from_then_on(ledger: LedgerScenario) -> None:
    # asked before and after each part: that of members takes as long as is bearable, that of activity twice as long
    times = [0.0, SLOW_SECONDS, 0.0, 2 * SLOW_SECONDS]
    calls = count()
    with folding(ledger.database, clock=lambda: times[next(calls)]) as fold:
        outcomes = fold()
    assert {key.name: done.alone for key, done in outcomes.items()} == {"members": None, "activity": Alone.SLOW}
    assert all(done.step is not None and done.step.events == 3 for done in outcomes.values())
    ledger.then_verified()


def test_one_that_takes_long_because_it_has_many_events_goes_on_with_the_others(database: Database) -> None:
    """On a slow machine each of them takes as long, and one by one they would read the log three times."""
    ledger = LedgerScenario(database)
    ledger.given(*(role_added(f"member-{number}", "Oracle", at(1)) for number in range(700)))
    times = [0.0, 0.7, 0.0, 0.71]
    calls = count()
    with folding(database, clock=lambda: times[next(calls)]) as fold:
        outcomes = fold()
    assert {key.name: done.alone for key, done in outcomes.items()} == {"members": None, "activity": Alone.SLOW}


def test_a_paused_one_stands_still_and_the_other_goes_on(ledger: LedgerScenario) -> None:
    administer(ledger.database, "update projection_checkpoint set state = 'paused' where projection = 'members'")
    with folding(ledger.database) as fold:
        outcomes = fold()
        assert {key.name: done.step.idle for key, done in outcomes.items() if done.step} == {
            "members": "paused",
            "activity": None,
        }


def test_a_runner_stops_the_one_that_fails_alone_and_no_other(ledger: LedgerScenario) -> None:
    administer(ledger.database, BREAK)
    assert catch_up(ledger.database) == [(members.key, 3)]
    with ledger.database.connect(DatabaseRole.READ) as connection:
        states = {name: each.state for name, each in read_checkpoints(connection).items()}
    assert (states[members.key], states[activity.key]) == ("running", "failed")


def test_a_runner_that_is_far_behind_finds_the_one_that_fails_and_the_other_is_caught_up(
    ledger: LedgerScenario,
) -> None:
    administer(
        ledger.database,
        "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source) "
        "select gen_random_uuid(), now(), 'discord_join', 'member-' || number % 900, 'joined', 'discord' "
        "from generate_series(1, 25000) as number",
    )
    administer(ledger.database, BREAK)
    assert {key for key, _ in catch_up(ledger.database)} == {members.key}
    assert position(ledger.database, members.key) == 25_003
    administer(ledger.database, MEND)
    with ledger.database.connect(DatabaseRole.READ) as connection:
        assert read_checkpoints(connection)[activity.key].state == "failed"


def test_a_step_that_is_not_done_in_time_commits_nothing_of_any(ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        second = WideConnections(ledger.database.connect)
        opened = transactions(connection, wide=second)
        processors = [processor_of(each, opened, catalogue=CATALOGUE) for each in (members, activity)]
        with pytest.raises(TooWide):
            wide_step_together(processors, opened, upto=settled_head(connection), limit=9, in_time=lambda: False)
        second.close()
    assert (position(ledger.database, members.key), position(ledger.database, activity.key)) == (0, 0)
