"""Empty tables are filled straight: for readers all at once, and not at all where it ends early."""

import os
import signal
from collections.abc import Callable

import pytest
from psycopg.errors import InsufficientPrivilege

from temple_ledger import Ledger
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import DatabaseUnavailable, Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.operations import parked
from temple_ledger.infrastructure.read_models.rebuild import fold_ranges, straight_fill
from temple_ledger.infrastructure.read_models.rebuild.apply import AppliedRebuild, Limit
from temple_ledger.infrastructure.read_models.rebuild.progress import ranges
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.read_models.runner.watcher import NullWatcher
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.members import members
from temple_ledger.projections.role_periods import role_periods
from temple_ledger.projections.testing.histories import at, joined, left, role_added
from tests.killed import Moment, die_at, run_killed
from tests.queries.builders import altered, unfoldable
from tests.rebuild.test_rebuild import history, nothing_is_left
from tests.runner.test_runner import position, running, wait_until

INTERRUPTED = 130
STORED = (
    "discord_user_current_roles",
    "temple_member_status",
    "projection_frontier",
    "projection_failure",
    "projection_batch",
    "ledger_operation",
)


@pytest.fixture
def ledger(database: Database, monkeypatch: pytest.MonkeyPatch) -> LedgerScenario:
    """Of 30 members, in pieces of five; nothing is folded."""
    monkeypatch.setattr(fold_ranges, "MEMBERS_AT_A_TIME", 5)
    ledger = LedgerScenario(database)
    for number in range(30):
        history(ledger, f"m{number:02}")
    return ledger


def replay(ledger: LedgerScenario, *, seen: bool = False) -> Rebuild:
    return Rebuild(ledger.database, members, catalogue=CATALOGUE, to_be_applied=not seen)


def divided(ledger: LedgerScenario) -> Rebuild:
    """With something to do for two workers, however small the log."""
    begun = replay(ledger)
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        if ranges(connection, members.key):
            return begun
        for number, after, upto in ((0, None, "m15"), (1, "m15", None)):
            bounds = {**members.key.parameters, "number": number, "after_user": after, "upto_user": upto}
            connection.execute(statement("rebuild_range_create"), bounds)
    return begun


def applied(begun: Rebuild, workers: int = 1) -> AppliedRebuild:
    with begun:
        begun.fold(workers=workers)
        return begun.apply(begun.compare(), by="ada")


def stored(ledger: LedgerScenario) -> int:
    """How many rows there are of a projection, or about it."""
    with ledger.database.connect(DatabaseRole.READ) as connection:
        counts = [connection.execute(f"select count(*) from {table}".encode()).fetchone() for table in STORED]
    return sum(count[0] for count in counts if count is not None)


@pytest.mark.parametrize("workers", [1, 2])
def test_readers_see_nothing_before_all_is_in_place(ledger: LedgerScenario, workers: int) -> None:
    with divided(ledger) as begun:
        done = begun.fold(workers=workers)
        assert begun.is_open
        assert (done.members, done.events) == (30, 150)
        assert stored(ledger) == 0
        shown = begun.compare()
        assert (shown.new_members, shown.stored_members, shown.members) == (30, 0, set())
        assert begun.apply(shown, by="ada") == AppliedRebuild(begun.position, 30)
        assert not begun.is_open
    ledger.then_verified()
    nothing_is_left(ledger)


def test_what_goes_with_the_rows_is_as_after_any_replay(ledger: LedgerScenario) -> None:
    failing = unfoldable(ledger.database, "m03", at(20))
    altered(ledger.database, "update projection_checkpoint set state = 'needs replay' where projection = 'members'")
    assert applied(replay(ledger)).changed_members == 30
    with ledger.database.connect(DatabaseRole.READ) as connection:
        now = "select position, passed, state from projection_checkpoint where projection = 'members'"
        assert connection.execute(now).fetchone() == (151, 151, "running")
        batches = "select last_position, events from projection_batch where projection = 'members'"
        assert connection.execute(batches).fetchall() == [(151, 151)]
        journal = "select kind, performed_by, details -> 'changed' from ledger_operation"
        assert connection.execute(journal).fetchall() == [("replay", "ada", 30)]
        assert [each.position for each in parked(connection, projection="members")] == [failing]
    # one that is late: what it is compared with is there, too
    ledger.when(role_added("m05", "Herald", at(4)), left("m06", at(4)))
    ledger.then_roles("m05", ["Herald", "Seeker"])
    ledger.then_status("m06", "active")


def test_an_event_that_came_meanwhile_is_the_runners(ledger: LedgerScenario) -> None:
    with replay(ledger) as begun:
        ledger.given(role_added("m01", "Herald", at(4)))
        begun.fold()
        ledger.given(role_added("m02", "Herald", at(4)))
        assert begun.apply(begun.compare(), by="ada").position == 150
    ledger.then_roles("m01", ["Herald", "Seeker"])
    ledger.then_roles("m02", ["Herald", "Seeker"])


def test_any_projection_of_ours_about_members_is_filled_so(ledger: LedgerScenario) -> None:
    with Rebuild(ledger.database, role_periods, catalogue=CATALOGUE, to_be_applied=True) as begun:
        begun.fold()
        assert begun.is_open
        begun.apply(begun.compare(), by="ada")
    ledger.catch_up()
    ledger.then_verified()


def folded(ledger: LedgerScenario) -> None:
    ledger.catch_up()


def paused(ledger: LedgerScenario) -> None:
    altered(ledger.database, "update projection_checkpoint set state = 'paused' where projection = 'members'")


def a_row(ledger: LedgerScenario) -> None:
    altered(ledger.database, "insert into temple_member_status (user_id) values ('nobody')")


def a_frontier(ledger: LedgerScenario) -> None:
    altered(
        ledger.database,
        "insert into projection_frontier (projection, version, user_id, occurred_at, position) "
        "values ('members', 1, 'nobody', now(), 1)",
    )


def half_a_replay(ledger: LedgerScenario) -> None:
    with replay(ledger, seen=True) as ended_early:
        ended_early.fold()


def a_follower(ledger: LedgerScenario) -> None:
    with Ledger(ledger.database.dsn) as reader, reader.changes("members", consumer="bot", follow=False) as feed:
        list(feed)


@pytest.mark.parametrize("there", [folded, paused, a_row, a_frontier, half_a_replay, a_follower])
def test_where_something_is_there_already_rows_are_collected_beside_it(
    ledger: LedgerScenario, there: Callable[[LedgerScenario], None]
) -> None:
    there(ledger)
    with replay(ledger) as begun:
        begun.fold()
        assert not begun.is_open
        begun.apply(begun.compare(), by="ada", limit=Limit(None))
    nothing_is_left(ledger)


def test_what_somebody_is_to_look_at_first_is_collected_beside_the_tables(ledger: LedgerScenario) -> None:
    with replay(ledger, seen=True) as begun:
        begun.fold()
        assert not begun.is_open
        begun.apply(begun.compare(), by="ada")
    ledger.then_verified()


def test_a_long_log_does_not_hold_the_checkpoint(ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(straight_fill, "MOST_POSITIONS", 149)
    with replay(ledger) as begun:
        begun.fold()
        assert not begun.is_open


def test_where_somebody_holds_the_checkpoint_it_is_not_waited_for(ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.PROJECT, autocommit=False) as other, replay(ledger) as begun:
        other.execute(statement("checkpoint_lock"), members.key.parameters)
        begun.fold()
        assert not begun.is_open


def test_where_a_runner_is_about_to_fold_it_the_rows_are_its(ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.PROJECT) as runner, replay(ledger) as begun:
        assert Lease().acquire(runner, [members.key]) == {members.key: None}
        begun.fold()
        assert not begun.is_open


class Watching(NullWatcher):
    def __init__(self) -> None:
        self.recovered: list[str | None] = []

    def recovering(self, sqlstate: str | None) -> None:
        self.recovered.append(sqlstate)


def test_a_runner_beside_it_goes_on_with_the_others_and_then_with_it(ledger: LedgerScenario) -> None:
    watching = Watching()
    with replay(ledger) as begun:
        begun.fold()
        with running(ledger.database, watcher=watching):
            wait_until(lambda: position(ledger.database, "activity") == 150)
            ledger.given(joined("new", at(30)))
            wait_until(lambda: position(ledger.database, "activity") == 151)
            assert position(ledger.database) == 0
            begun.apply(begun.compare(), by="ada")
            wait_until(lambda: position(ledger.database) == 151)
    assert watching.recovered == []
    ledger.then_verified()


def test_a_second_one_is_refused(ledger: LedgerScenario) -> None:
    with replay(ledger) as begun:
        begun.fold()
        with pytest.raises(Refused, match="is going on"):
            replay(ledger)
        begun.apply(begun.compare(), by="ada")


def test_where_most_members_cannot_be_folded_nothing_is_put_in_place(ledger: LedgerScenario) -> None:
    for number in range(25):
        unfoldable(ledger.database, f"m{number:02}", at(20))
    with pytest.raises(Refused, match="nothing is put in place"):
        applied(replay(ledger))
    assert stored(ledger) == 0
    nothing_is_left(ledger)


def test_what_was_not_applied_leaves_nothing(ledger: LedgerScenario) -> None:
    with replay(ledger) as begun:
        begun.fold()
    with replay(ledger) as begun:
        begun.fold()
        begun.clear()
    assert stored(ledger) == 0
    nothing_is_left(ledger)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_cannot_be_written_leaves_nothing(ledger: LedgerScenario, workers: int) -> None:
    with ledger.database.connect(DatabaseRole.OWNER) as owner:
        owner.execute("revoke insert on temple_member_status from temple_project")
        with pytest.raises(InsufficientPrivilege):
            applied(divided(ledger), workers)
        assert stored(ledger) == 0
        nothing_is_left(ledger)
        owner.execute("grant insert on temple_member_status to temple_project")
    assert applied(replay(ledger)).changed_members == 30
    ledger.then_verified()


def test_a_worker_that_is_lost_leaves_nothing(ledger: LedgerScenario) -> None:
    """It was cut off while it read the log."""
    with ledger.database.connect(DatabaseRole.OWNER) as owner:
        owner.execute("revoke select on log_row from temple_read")
        with pytest.raises(DatabaseUnavailable, match=r"ended early \(.*log_row.*\); run it again$"):
            applied(divided(ledger), 2)
        owner.execute("grant select on log_row to temple_read")
    assert stored(ledger) == 0
    nothing_is_left(ledger)


def unapplied(ledger: LedgerScenario) -> None:
    """As if what was killed after its commit had not been there."""
    for table in STORED[:-1]:
        altered(ledger.database, f"delete from {table}")
    altered(ledger.database, "update projection_checkpoint set position = 0, passed = 0")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_any_exchange_it_leaves_no_row_and_the_next_one_ends_right(
    ledger: LedgerScenario, moment: Moment, workers: int
) -> None:
    def work() -> None:
        applied(divided(ledger), workers)

    for exchange in range(20, 500, 13):
        if not run_killed(work, at=exchange, moment=moment):
            break
        if stored(ledger):
            ledger.then_verified()
            unapplied(ledger)
    else:
        pytest.fail("the replay never came to its end")
    assert exchange > 40
    ledger.then_verified()


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_at_any_exchange_it_leaves_nothing(ledger: LedgerScenario, workers: int) -> None:
    for exchange in range(60, 500, 17):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                die_at(exchange, "before", signal.SIGINT)
                applied(divided(ledger), workers)
                status = 0
            except KeyboardInterrupt:
                status = INTERRUPTED
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        if os.WEXITSTATUS(ended) == 0:
            break
        assert os.WEXITSTATUS(ended) == INTERRUPTED
        if stored(ledger):
            ledger.then_verified()
            unapplied(ledger)
        else:
            nothing_is_left(ledger)
    else:
        pytest.fail("the replay never came to its end")
    assert exchange > 60


def test_the_database_is_asked_something_while_a_piece_takes_long(
    ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends a transaction that is idle; where all of us stands still, it is to."""
    asked: list[int] = []
    monkeypatch.setattr(straight_fill, "ASK_SECONDS", 0.01)
    monkeypatch.setattr(straight_fill, "counted", lambda *_: asked.append(1))
    with replay(ledger) as begun:
        begun.fold()
        straight = begun._straight
        assert straight is not None
        with straight.awake():
            wait_until(lambda: len(asked) > 2)
        monkeypatch.setattr(straight_fill, "A_PIECE_SECONDS", 0.0)
        so_far = len(asked)
        with straight.awake():
            assert len(asked) == so_far
