"""A wide step folds (p, q] member by member: what it leaves is what batches by position leave, wherever it is ended."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.operations import set_state
from temple_ledger.infrastructure.read_models.retraction import Selection, retract
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints, transactions
from temple_ledger.infrastructure.read_models.runner.wide_connections import WideConnections
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.brake import TooManyParked
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.members import members
from temple_ledger.projections.pace import BatchPace, WidePace
from temple_ledger.projections.processor import CAUGHT_UP, Processor, Step, TooWide, processor_of
from temple_ledger.projections.testing.histories import at, joined, left, role_added, role_removed
from temple_ledger.projections.watch import NOBODY_WATCHES, FoldWatch
from tests.killed import Moment, run_killed
from tests.runner.poisoned import POISON, poisoned
from tests.runner.test_histories import EVENT, _entry
from tests.runner.test_runner import wait_until
from tests.thorough import examples, points

EVERYTHING = 1_000_000
WIDTHS = st.lists(st.integers(1, 12), min_size=1, max_size=4)


@contextmanager
def processing(
    database: Database, projection: Any = members, watch: FoldWatch = NOBODY_WATCHES
) -> Iterator[tuple[Processor, psycopg.Connection[Any], WideConnections]]:
    second = WideConnections(database.connect)
    try:
        with database.connect(DatabaseRole.PROJECT) as first:
            opened = transactions(first, wide=second)
            yield processor_of(projection, opened, catalogue=CATALOGUE, watch=watch), first, second
    finally:
        second.close()


def fold_wide(
    database: Database,
    limit: int = EVERYTHING,
    projection: Any = members,
    in_time: Callable[[], bool] = lambda: True,
    watch: FoldWatch = NOBODY_WATCHES,
) -> list[Step]:
    """Until nothing is left."""
    with processing(database, projection, watch) as (processor, first, _):
        steps: list[Step] = []
        while True:
            step = processor.wide_step(upto=settled_head(first), limit=limit, in_time=in_time)
            if step.idle is not None:
                assert step.idle == CAUGHT_UP
                return steps
            steps.append(step)


class Watching:
    """Calls back before a member is folded; of no author's code."""

    def __init__(self, before: Callable[[str], None]) -> None:
        self._before = before

    def set(self, projection: str, user_id: str, events: Sequence[Recorded]) -> None:
        self._before(user_id)

    def clear(self) -> None:
        pass


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database, projections=[members])


def history(ledger: LedgerScenario, number: int) -> None:
    for who in ("ada", "bob", "eve"):
        member = f"{who}-{number}"
        ledger.given(
            joined(member, at(1)),
            role_added(member, "Oracle", at(5), by="mod"),
            role_added(member, "Seeker", at(2)),
            role_removed(member, "Oracle", at(9)),
            left(member, at(3)) if who == "bob" else role_added(member, "Seeker", at(8)),
        )


def position(database: Database, key: ProjectionKey = members.key) -> int:
    with database.connect(DatabaseRole.READ) as connection:
        return read_checkpoints(connection)[key].position


_examples = count(1)


def test_rows_are_the_fold_of_any_history_in_steps_of_any_width(ledger: LedgerScenario) -> None:
    @settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(EVENT, min_size=1, max_size=30), st.lists(st.integers(1, 12), min_size=1, max_size=4), st.booleans()
    )
    def holds(drawn: list[Any], widths: list[int], batches_between: bool) -> None:
        example = next(_examples) + 1_000_000
        ledger.append(_entry(number, example, each) for number, each in enumerate(drawn))
        with processing(ledger.database) as (processor, first, _):
            for width in [*widths, EVERYTHING]:
                upto = settled_head(first)
                processor.wide_step(upto=upto, limit=width, in_time=lambda: True)
                if batches_between:
                    processor.step(upto=upto, limit=width)
        assert verify(ledger.database, members, catalogue=CATALOGUE).ok

    holds()


def test_each_member_is_read_and_written_once(ledger: LedgerScenario) -> None:
    for number in range(3):
        history(ledger, number)
    (step,) = fold_wide(ledger.database)
    assert (step.events, step.position) == (45, position(ledger.database))
    ledger.then_roles("ada-1", ["Seeker"])
    ledger.then_verified()


def test_a_late_event_folds_its_member_again_from_the_log(ledger: LedgerScenario) -> None:
    history(ledger, 1)
    fold_wide(ledger.database)
    ledger.given(left("ada-1", at(4)))
    (step,) = fold_wide(ledger.database)
    assert step.refolded == 1
    ledger.then_verified()


def test_a_member_is_parked_at_the_position_at_which_batches_park_it(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[poisoned])
    ledger.given(role_added("ada", "Oracle", at(1)), role_added("bob", "Oracle", at(1)))
    poison, *_ = ledger.given(role_added("ada", POISON, at(2)), role_added("ada", "Seeker", at(3)))
    (step,) = fold_wide(database, projection=poisoned)
    assert [(each.user_id, each.position) for each in step.failures] == [("ada", poison)]
    assert ledger.rows(poisoned, "poisoned", "ada") == [(1,)]
    # her later events wait, in the next steps too
    ledger.given(role_added("ada", "Later", at(4)), role_added("bob", "Later", at(4)))
    (step,) = fold_wide(database, projection=poisoned)
    assert step.failures == ()
    assert (ledger.rows(poisoned, "poisoned", "ada"), ledger.rows(poisoned, "poisoned", "bob")) == ([(1,)], [(2,)])
    ledger.then_verified()


def test_most_members_parked_for_one_reason_stop_it_before_anything_is_committed(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[poisoned])
    ledger.given(*(role_added(f"member-{number}", POISON, at(1)) for number in range(30)))
    with pytest.raises(TooManyParked):
        fold_wide(database, projection=poisoned)
    assert position(database, poisoned.key) == 0


def test_what_is_skipped_or_retracted_is_left_out(ledger: LedgerScenario) -> None:
    first, _, third = ledger.given(
        role_added("ada", "Oracle", at(1)), role_added("ada", "Seeker", at(2)), role_added("bob", "Oracle", at(1))
    )
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(
            "insert into skipped_position (projection, position, user_id, skipped_by, reason) "
            "values ('members', %s, 'ada', 'mod', 'wrong')",
            (first,),
        )
    retract(
        ledger.database,
        Selection(positions=PositionSet.of([third])),
        [members],
        CATALOGUE,
        by="mod",
        reason="wrong",
    )
    fold_wide(ledger.database)
    ledger.then_roles("ada", ["Seeker"])
    ledger.then_roles("bob", [])
    ledger.then_verified()


def test_one_that_is_not_done_in_time_commits_nothing_and_the_next_begins_where_it_began(
    ledger: LedgerScenario,
) -> None:
    history(ledger, 1)
    with pytest.raises(TooWide):
        fold_wide(ledger.database, in_time=lambda: False)
    assert position(ledger.database) == 0
    fold_wide(ledger.database)
    ledger.then_verified()


def test_a_row_that_somebody_writes_by_hand_meanwhile_makes_it_void_and_the_next_one_replaces_it(
    ledger: LedgerScenario,
) -> None:
    history(ledger, 1)

    def before(user_id: str) -> None:
        with ledger.database.connect(DatabaseRole.LOGIN) as connection:
            connection.execute(
                "insert into discord_user_current_roles (user_id, role, granted_at) values (%s, 'Seeker', now()) "
                "on conflict do nothing",
                (user_id,),
            )

    with pytest.raises(TooWide):
        fold_wide(ledger.database, watch=Watching(before))
    assert position(ledger.database) == 0
    fold_wide(ledger.database)
    ledger.then_verified()


def test_a_member_with_more_events_than_memory_holds_is_left_to_batches(ledger: LedgerScenario) -> None:
    payload = '{"granted_by": "mod", "more": "' + "x" * 9_000_000 + '"}'
    with ledger.database.connect(DatabaseRole.APPEND) as connection:
        for _ in range(4):
            connection.execute(
                "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, "
                "source) values (gen_random_uuid(), now(), 'discord_role_change', 'ada', 'added', 'Oracle', %s, 'x')",
                (payload,),
            )
    with pytest.raises(TooWide):
        fold_wide(ledger.database)
    assert position(ledger.database) == 0


def test_an_operation_waits_for_the_step_and_what_it_changes_is_seen_by_the_next_one(ledger: LedgerScenario) -> None:
    """The epoch cannot change in the middle of a step: it holds the checkpoint."""
    history(ledger, 1)
    waited = threading.Event()

    def pausing() -> None:
        set_state(ledger.database, members.key, ProjectionState.PAUSED, by="mod", reason="in the middle")

    def before(_: str) -> None:
        if not pool_started:
            pool_started.append(pool.submit(pausing))
            while not waits_for_a_lock(ledger.database, "transactionid", "tuple"):
                waited.wait(0.02)

    pool_started: list[Any] = []
    with ThreadPoolExecutor(1) as pool, processing(ledger.database, watch=Watching(before)) as (processor, first, _):
        step = processor.wide_step(upto=settled_head(first), limit=EVERYTHING, in_time=lambda: True)
        assert (step.idle, step.events) == (None, 15)
        pool_started[0].result(60)
        history(ledger, 2)
        step = processor.wide_step(upto=settled_head(first), limit=EVERYTHING, in_time=lambda: True)
        assert (step.idle, step.position) == ("paused", 15)


def waits_for_a_lock(database: Database, *kinds: str) -> bool:
    with database.connect(DatabaseRole.LOGIN) as connection:
        found = connection.execute("select from pg_locks where not granted and locktype = any(%s)", (list(kinds),))
        return found.fetchone() is not None


def test_one_that_meets_who_waits_for_it_lets_go_at_once_and_is_taken_again(ledger: LedgerScenario) -> None:
    """Its connections are several sessions to the database, which sees no deadlock where one waits for another."""
    history(ledger, 1)
    fold_wide(ledger.database)
    # late: the history is read from the log, over another connection than the one that has read it before
    ledger.given(left("ada-1", at(4)))

    def rebuild_an_index() -> None:
        with ledger.database.connect(DatabaseRole.LOGIN) as connection:
            connection.execute("reindex index idx_audit_user_timestamp")

    def before(_: str) -> None:
        if not waiting:
            waiting.append(pool.submit(rebuild_an_index))
            wait_until(lambda: waits_for_a_lock(ledger.database, "relation"))

    waiting: list[Any] = []
    with ThreadPoolExecutor(1) as pool, processing(ledger.database, watch=Watching(before)) as (processor, first, _):
        with pytest.raises(psycopg.errors.LockNotAvailable):
            processor.wide_step(upto=settled_head(first), limit=EVERYTHING, in_time=lambda: True)
        waiting[0].result(60)
        assert processor.wide_step(upto=settled_head(first), limit=EVERYTHING, in_time=lambda: True).refolded == 1
    ledger.then_verified()


@pytest.mark.parametrize("ended", ["first", "second"])
def test_either_connection_may_be_lost_at_any_member(ledger: LedgerScenario, ended: str) -> None:
    for number in range(2):
        history(ledger, number)
    for nth in range(1, 7):
        seen = count(1)

        def before(_: str, nth: int = nth, seen: Iterator[int] = seen) -> None:
            if next(seen) == nth:
                with ledger.database.connect(DatabaseRole.LOGIN) as connection:
                    wanted = first if ended == "first" else second.log()
                    connection.execute("select pg_terminate_backend(%s, 5000)", (wanted.info.backend_pid,))

        with processing(ledger.database, watch=Watching(before)) as (processor, first, second):
            try:
                processor.wide_step(upto=settled_head(first), limit=EVERYTHING, in_time=lambda: True)
            except psycopg.OperationalError:
                assert position(ledger.database) == 0
            else:
                # all of it had been read
                assert ended == "second"
                break
    fold_wide(ledger.database)
    ledger.then_verified()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_exchange_rows_and_checkpoint_agree(ledger: LedgerScenario, moment: Moment) -> None:
    for exchange in points(200, moment=moment, apart=3):
        history(ledger, exchange)
        killed = run_killed(lambda: void(fold_wide(ledger.database, limit=10)), at=exchange, moment=moment)
        ledger.then_verified()
        if not killed:
            break
    else:
        pytest.fail("it never came to its end")
    assert exchange > 20
    fold_wide(ledger.database)
    ledger.then_verified()


def void(_: object) -> None:
    pass


def test_a_runner_that_is_far_behind_takes_wide_steps(ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, source) "
            "select gen_random_uuid(), '2026-01-01Z'::timestamptz + make_interval(secs => (number * 7919) %% 30011), "
            "'discord_role_change', 'member-' || number %% 2003, 'added', 'role-' || number %% 5, 'discord' "
            "from generate_series(1, %s) as number",
            (30_000,),
        )
    with Wakeup(ledger.database) as wakeup, capture_logs() as logged:
        Runner(ledger.database, [members], wakeup, catalogue=CATALOGUE).run(until_caught_up=True)
    assert [each for each in logged if each["event"] == "wide step" and each["events"] >= WidePace.least] != []
    ledger.then_verified()
    with ledger.database.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select sum(events) from projection_batch").fetchone() == (30_000,)
        assert connection.execute(
            "select count(*) from pg_stat_activity where application_name = 'temple run'"
        ).fetchone() == (0,)


def test_the_rate_of_a_batch_says_how_wide_the_first_step_is() -> None:
    quick, slow, slowest, unknown = BatchPace(), BatchPace(), BatchPace(), BatchPace()
    quick.after(500, 0.02)
    slow.after(500, 2.0)
    slowest.after(500, 10.0)
    for pace, limit in ((quick, WidePace.enough), (slow, 10_000), (slowest, WidePace.least)):
        wide = WidePace()
        assert not wide.is_worth_it(20_000, pace)
        assert wide.is_worth_it(30_000, pace)
        assert wide.limit == limit
    assert not WidePace().is_worth_it(30_000, unknown)


@pytest.mark.parametrize(
    ("events", "seconds", "limit"),
    [
        (150_000, 1.0, 300_000),
        (400_000, 1.0, WidePace.most),
        (20_000, 0.01, 100_000),
        # on a slow machine a step takes longer, for narrow ones are the slower, the more so the narrower they are
        (50_000, 2.0, 200_000),
        (50_000, 10.0, 100_000),
        (50_000, 40.0, 25_000),
        (5_000, 30.0, WidePace.least),
    ],
)
def test_a_wide_step_takes_two_seconds_or_up_to_twenty_where_it_would_be_narrow(
    events: int, seconds: float, limit: int
) -> None:
    wide = WidePace()
    wide.after(events, seconds)
    assert wide.limit == limit


def test_a_first_step_that_was_not_done_in_time_is_followed_by_a_narrower_one_and_in_the_end_by_batches() -> None:
    wide, pace = WidePace(), BatchPace()
    for filling in (300_000, 100_000, 33_333):
        assert wide.is_worth_it(900_000, pace, from_nothing=True)
        wide.failed(900_000)
        assert wide.filling == filling
    assert wide.is_worth_it(900_000, pace, from_nothing=True)
    wide.failed(900_000)
    assert not wide.is_worth_it(900_000, pace, from_nothing=True)


def test_a_wide_step_that_is_void_is_followed_by_a_narrower_one_and_in_the_end_by_batches() -> None:
    wide, pace = WidePace(), BatchPace()
    pace.after(500, 0.02)
    assert wide.is_worth_it(30_000, pace)
    wide.after(100_000, 0.5)
    assert wide.limit == 400_000
    for _ in range(5):
        assert wide.is_worth_it(30_000, pace)
        wide.failed()
    for _ in range(WidePace.batches_between):
        assert not wide.is_worth_it(300_000, pace)
        wide.after_batch()
    assert wide.is_worth_it(300_000, pace)


def test_the_first_one_of_all_takes_every_event_whatever_its_width(ledger: LedgerScenario) -> None:
    """Into empty tables: each member is written once."""
    for number in range(3):
        history(ledger, number)
    (step,) = fold_wide(ledger.database, limit=5)
    assert (step.events, step.position) == (45, position(ledger.database))
    ledger.then_verified()


@pytest.mark.parametrize("left", ["rows", "frontiers", "position"])
def test_where_anything_is_stored_a_step_is_as_wide_as_it_is_to_be(ledger: LedgerScenario, left: str) -> None:
    history(ledger, 1)
    ledger.catch_up()
    history(ledger, 2)
    with ledger.database.connect(DatabaseRole.LOGIN) as connection:
        if left != "position":
            connection.execute("update projection_checkpoint set position = 0, passed = 0 where projection = 'members'")
        if left != "rows":
            connection.execute("truncate discord_user_current_roles, temple_member_status")
        if left != "frontiers":
            connection.execute("delete from projection_frontier where projection = 'members'")
    with processing(ledger.database) as (processor, first, _):
        step = processor.wide_step(upto=settled_head(first), limit=5, in_time=lambda: True)
    assert step.events == 5


def test_rules_of_somebody_else_fill_nothing_in_one_step(database: Database) -> None:
    """They may take any time, and others would wait for the checkpoint."""
    ledger = LedgerScenario(database, projections=[poisoned])
    ledger.given(*(role_added(f"member-{number}", "Oracle", at(1)) for number in range(10)))
    assert [step.events for step in fold_wide(database, limit=4, projection=poisoned)] == [4, 4, 2]
