"""A rebuild: beside the live tables, shown before it is applied, resumed where it was killed."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from psycopg.errors import InsufficientPrivilege

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import DatabaseUnavailable, Refused
from temple_ledger.domain.event import Event
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.operations import parked, skip
from temple_ledger.infrastructure.read_models.rebuild import fold_ranges as folding
from temple_ledger.infrastructure.read_models.rebuild import progress as notes
from temple_ledger.infrastructure.read_models.rebuild.apply import Limit
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild, rebuild
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.drift import Drift, DriftKind
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.testing.histories import at, joined, left, role_added, role_removed
from tests.ending import raised_by
from tests.interrupted import interrupting_at
from tests.killed import Moment, run_killed
from tests.runner.test_runner import wait_until

NO_LIMIT = Limit(None)
BOTH: list[Projection] = [members, activity]


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    ledger = LedgerScenario(database)
    history(ledger, *(f"m{number:02}" for number in range(30)))
    ledger.catch_up()
    return ledger


def history(ledger: LedgerScenario, *members: str) -> None:
    ledger.given(*(event for member in members for event in history_of(member)))


def history_of(member: str) -> Sequence[Event]:
    return (
        joined(member, at(1)),
        role_added(member, "Oracle", at(5), by="mod"),
        role_removed(member, "Oracle", at(9)),
        left(member, at(3)),
        role_added(member, "Seeker", at(8)),
    )


def alter(ledger: LedgerScenario, statement: str) -> None:
    """Somebody with rights, and without a reason."""
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(statement.encode())


def nothing_is_left(ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.READ) as connection:
        for table in (
            "projection_rebuild",
            "projection_rebuild_range",
            "projection_rebuild_frontier",
            '"rebuild_temple_member_status@1"',
            '"rebuild_discord_user_current_roles@1"',
            '"rebuild_webhook_activity_hourly@1"',
        ):
            assert connection.execute(f"select count(*) from {table}".encode()).fetchone() == (0,), table


@pytest.mark.parametrize("workers", [1, 2])
def test_rebuilding_what_is_right_changes_nothing(ledger: LedgerScenario, workers: int) -> None:
    for projection in BOTH:
        found: list[Drift] = []
        applied = rebuild(
            ledger.database, projection, workers=workers, each=found.append, catalogue=CATALOGUE, by="ada"
        )
        assert applied is not None
        assert applied.changed_members == 0
        assert found == []
    ledger.then_verified()
    nothing_is_left(ledger)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("delete from discord_user_current_roles where user_id = 'm03'", DriftKind.MISSING),
        ("insert into discord_user_current_roles values ('m03', 'Forged', now(), 'x')", DriftKind.TOO_MANY),
        ("update discord_user_current_roles set granted_by = 'x' where user_id = 'm03'", DriftKind.DIFFERENT),
        ("update temple_member_status set patreon_tier = 'Gold' where user_id = 'm03'", DriftKind.DIFFERENT),
        ("delete from temple_member_status where user_id = 'm03'", DriftKind.MISSING),
        ("insert into temple_member_status (user_id) values ('nobody')", DriftKind.TOO_MANY),
    ],
)
def test_drift_is_shown_and_undone(ledger: LedgerScenario, statement: str, kind: DriftKind) -> None:
    alter(ledger, statement)
    found: list[Drift] = []
    applied = rebuild(ledger.database, members, each=found.append, catalogue=CATALOGUE, by="ada")
    assert [drift.kind for drift in found] == [kind]
    assert applied is not None
    assert applied.changed_members == 1
    ledger.then_verified()


def test_what_was_refused_changes_nothing(ledger: LedgerScenario) -> None:
    alter(ledger, "delete from discord_user_current_roles")
    assert rebuild(ledger.database, members, agreed=lambda shown: False, catalogue=CATALOGUE, by="ada") is None
    assert not verify(ledger.database, members, catalogue=CATALOGUE).ok
    nothing_is_left(ledger)


def test_more_members_than_allowed_are_not_changed(ledger: LedgerScenario) -> None:
    alter(ledger, "delete from discord_user_current_roles")
    with pytest.raises(Refused, match="30 of 30 members"):
        rebuild(ledger.database, members, catalogue=CATALOGUE, by="ada")
    assert rebuild(ledger.database, members, limit=NO_LIMIT, catalogue=CATALOGUE, by="ada") is not None
    ledger.then_verified()


def test_a_member_whose_change_was_not_shown_counts_against_the_limit(ledger: LedgerScenario) -> None:
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as replay:
        replay.fold()
        shown = replay.compare()
        for number in range(15):
            ledger.given(role_added(f"m{number:02}", "Herald", at(20)))
        ledger.catch_up()
        alter(ledger, "delete from discord_user_current_roles where role = 'Seeker'")
        with pytest.raises(Refused, match="15 of 30 members"):
            replay.apply(shown, by="ada")


def test_a_lost_position_of_the_runner_is_put_right(ledger: LedgerScenario) -> None:
    for altered in ("position = 20, passed = 20", "position = 1000000"):
        alter(ledger, f"update projection_checkpoint set {altered} where projection = 'members'")
        assert rebuild(ledger.database, members, limit=NO_LIMIT, catalogue=CATALOGUE, by="ada") is not None
        ledger.when(role_added("ada", "Oracle", at(30)))
        ledger.then_roles("ada", ["Oracle"])


def test_a_second_rebuild_at_the_same_time_is_refused(ledger: LedgerScenario) -> None:
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as replay:
        with pytest.raises(Refused, match="is going on"):
            Rebuild(ledger.database, members, catalogue=CATALOGUE)
        with (
            ledger.database.connect(DatabaseRole.PROJECT) as connection,
            pytest.raises(Refused, match="still going on"),
        ):
            notes.abort(connection, members)
        replay.clear()


def test_an_aborted_rebuild_leaves_nothing(ledger: LedgerScenario) -> None:
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as replay:
        replay.fold()
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        assert notes.abort(connection, members)
        assert not notes.abort(connection, members)
    nothing_is_left(ledger)


def test_a_rebuild_goes_on_where_it_was(ledger: LedgerScenario) -> None:
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as replay:
        replay.fold()
    history(ledger, "new")
    ledger.catch_up()
    alter(ledger, "update temple_member_status set patreon_tier = 'Gold' where user_id = 'm03'")
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as replay:
        assert replay.resumed
        assert replay.fold().events == 0
        assert replay.apply(replay.compare(), by="ada").changed_members == 1
    ledger.then_verified()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("projection", [members, activity], ids=lambda each: each.name)
def test_killed_at_any_exchange_a_rebuild_ends_right(
    ledger: LedgerScenario, moment: Moment, projection: Projection
) -> None:
    def work() -> None:
        rebuild(ledger.database, projection, limit=NO_LIMIT, catalogue=CATALOGUE, by="ada")

    for exchange in range(1, 3_000, 29):
        alter(ledger, "update temple_member_status set patreon_tier = 'Gold' where user_id like 'm1%'")
        alter(ledger, "update webhook_activity_hourly set events = events + 1")
        ledger.given(role_added(f"m{exchange % 30:02}", "Herald", at(20 + exchange)))
        ledger.catch_up()
        killed = run_killed(work, at=exchange, moment=moment)
        if not killed:
            break
        work()
        assert verify(ledger.database, projection, catalogue=CATALOGUE).ok
    else:
        pytest.fail("the rebuild never came to its end")
    assert exchange > 50
    assert verify(ledger.database, projection, catalogue=CATALOGUE).ok
    for each in BOTH:
        rebuild(ledger.database, each, limit=NO_LIMIT, catalogue=CATALOGUE, by="ada")
    nothing_is_left(ledger)


@pytest.fixture
def daemon(ledger: LedgerScenario) -> Iterator[None]:
    with Wakeup(ledger.database) as wakeup:
        runner = Runner(ledger.database, BOTH, wakeup, catalogue=CATALOGUE)
        thread = threading.Thread(target=runner.run)
        thread.start()
        try:
            yield
        finally:
            runner.stop()
            wakeup.wake()
            thread.join(60)


@pytest.mark.usefixtures("daemon")
def test_events_that_arrive_in_every_phase_are_in_the_rows(ledger: LedgerScenario) -> None:
    for projection in BOTH:
        with Rebuild(ledger.database, projection, catalogue=CATALOGUE) as replay:
            history(ledger, f"{projection.name} a")
            ledger.given(role_added("m01", "Herald", at(2)))
            replay.fold()
            history(ledger, f"{projection.name} b")
            ledger.given(role_added("m02", "Herald", at(2)))
            shown = replay.compare()
            history(ledger, f"{projection.name} c")
            ledger.given(role_added("m03", "Herald", at(2)), left("m04", at(40)))
            replay.apply(shown, by="ada")
    ledger.then_roles("m03", ["Seeker"])
    ledger.then_status("m04", "departed")
    ledger.then_verified()


def test_what_is_skipped_while_a_rebuild_goes_on_is_not_undone_by_it(ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.APPEND) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source) "
            "values (gen_random_uuid(), '2026-01-02Z', 'discord_role_change', 'm03', 'added', 'elsewhere')"
        )
    ledger.catch_up()
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as replay:
        replay.fold()
        with ledger.database.connect(DatabaseRole.READ) as connection:
            (failure,) = parked(connection, projection="members")
        skip(ledger.database, members, failure, reason="a test", catalogue=CATALOGUE, by="ada")
        with pytest.raises(Refused, match="starts from the beginning"):
            replay.apply(replay.compare(), by="ada")
    assert rebuild(ledger.database, members, catalogue=CATALOGUE, by="ada") is not None
    ledger.when(role_added("m03", "Herald", at(60)))
    ledger.then_roles("m03", ["Herald", "Seeker"])


def test_a_rebuild_does_not_wait_for_a_dump(ledger: LedgerScenario) -> None:
    """A dump holds every table to its end, those beside the live ones too."""
    alter(ledger, "delete from discord_user_current_roles where user_id = 'm03'")
    with ledger.database.connect(DatabaseRole.READ, autocommit=False) as dump:
        dump.execute('select count(*) from "rebuild_discord_user_current_roles@1"')
        dump.execute('select count(*) from "rebuild_temple_member_status@1"')
        with Rebuild(ledger.database, members, catalogue=CATALOGUE) as replay:
            replay.fold()
            replay.clear()
        rebuild(ledger.database, members, catalogue=CATALOGUE, by="ada")
    ledger.then_verified()
    nothing_is_left(ledger)


def test_a_connection_that_only_has_the_number_of_a_dead_one_is_no_rebuild(ledger: LedgerScenario) -> None:
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as replay:
        replay.fold()
    with ledger.database.connect(DatabaseRole.READ, application="temple run") as other:
        alter(ledger, f"update projection_rebuild set backend_pid = {other.info.backend_pid}")
        with Rebuild(ledger.database, members, catalogue=CATALOGUE) as again:
            assert again.resumed


def begun(ledger: LedgerScenario) -> Rebuild:
    """A rebuild with something to do for two workers, however small the log."""
    replay = Rebuild(ledger.database, members, catalogue=CATALOGUE)
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        for number, after, upto in ((0, None, "m15"), (1, "m15", None)):
            bounds = {**members.key.parameters, "number": number, "after_user": after, "upto_user": upto}
            connection.execute(statement("rebuild_range_create"), bounds)
    return replay


@contextmanager
def nothing_can_be_written(ledger: LedgerScenario) -> Iterator[None]:
    with ledger.database.connect(DatabaseRole.OWNER, autocommit=False) as holder:
        holder.execute('lock table "rebuild_temple_member_status@1" in share mode')
        yield


def both_wait(ledger: LedgerScenario) -> list[int]:
    """The backends of the two workers, once they stand before the table that is held."""
    waiting = "select pid from pg_locks where not granted and relation = '\"rebuild_temple_member_status@1\"'::regclass"
    with ledger.database.connect(DatabaseRole.READ) as connection:
        wait_until(lambda: len(connection.execute(waiting).fetchall()) == 2)
        return [pid for (pid,) in connection.execute(waiting)]


def test_workers_end_with_the_rebuild_that_was_killed(ledger: LedgerScenario) -> None:
    """They would keep the next one from beginning, for as long as they work."""
    has_begun, begin = os.pipe()
    may_fold, let_fold = os.pipe()
    child = os.fork()
    if child == 0:
        replay = begun(ledger)
        os.write(begin, b".")
        os.read(may_fold, 1)
        replay.fold(workers=2)
        os._exit(0)
    os.read(has_begun, 1)
    with nothing_can_be_written(ledger):
        os.write(let_fold, b".")
        both_wait(ledger)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with ledger.database.connect(DatabaseRole.READ) as connection:
            # they would go on without whoever they work for
            wait_until(lambda: not any(each.alive for each in notes.running_rebuilds(connection)))
    rebuild(ledger.database, members, catalogue=CATALOGUE, by="ada")
    ledger.then_verified()


def test_a_worker_that_loses_its_connection_is_one_sentence(
    ledger: LedgerScenario, capfd: pytest.CaptureFixture[str]
) -> None:
    def cut() -> None:
        with ledger.database.connect(DatabaseRole.LOGIN) as connection:
            for pid in both_wait(ledger):
                connection.execute("select pg_terminate_backend(%s)", (pid,))

    with begun(ledger) as replay, nothing_can_be_written(ledger):
        thread = threading.Thread(target=cut)
        thread.start()
        with pytest.raises(DatabaseUnavailable, match="run it again"):
            replay.fold(workers=2)
        thread.join()
    assert "Traceback" not in capfd.readouterr().err
    rebuild(ledger.database, members, workers=2, catalogue=CATALOGUE, by="ada")
    ledger.then_verified()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_can_not_be_written_ends_the_fold_while_the_log_is_still_being_sent(
    ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(folding, "MEMBERS_AT_A_TIME", 5)
    with begun(ledger) as replay, ledger.database.connect(DatabaseRole.OWNER) as owner:
        owner.execute('revoke insert on "rebuild_temple_member_status@1" from temple_project')
        error = raised_by(lambda: replay.fold(workers=workers))
        assert isinstance(error, InsufficientPrivilege if workers == 1 else DatabaseUnavailable)
        owner.execute('grant insert on "rebuild_temple_member_status@1" to temple_project')
    rebuild(ledger.database, members, workers=workers, catalogue=CATALOGUE, by="ada")
    ledger.then_verified()
    nothing_is_left(ledger)


def test_a_person_can_interrupt_the_fold(ledger: LedgerScenario) -> None:
    with pytest.raises(KeyboardInterrupt):
        rebuild(ledger.database, interrupting_at("m07"), catalogue=CATALOGUE, by="ada")
    rebuild(ledger.database, members, catalogue=CATALOGUE, by="ada")
    ledger.then_verified()


def test_the_first_rebuild_counts_whoever_gets_rows(ledger: LedgerScenario) -> None:
    ledger.when(role_added("parked", "x" * 100, at(1)))
    with ledger.database.connect(DatabaseRole.APPEND) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source) "
            "values (gen_random_uuid(), 'infinity', 'discord_join', 'nobody', 'joined', 'test')"
        )
    ledger.catch_up()
    alter(ledger, "delete from discord_user_current_roles")
    alter(ledger, "delete from temple_member_status")
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as replay:
        folding_done = replay.fold()
        shown = replay.compare()
        applied = replay.apply(shown, by="ada")
    assert folding_done.members == 32
    assert (shown.new_members, shown.changed, applied.changed_members) == (31, 31, 31)


def test_a_first_replay_enters_each_event_in_the_journal_of_batches(database: Database) -> None:
    ledger = LedgerScenario(database)
    history(ledger, "ada")
    history(ledger, "eve")
    rebuild(database, members, catalogue=CATALOGUE, by="ada")
    with database.connect(DatabaseRole.READ) as connection:
        entered = "select last_position, events from projection_batch where projection = 'members'"
        assert connection.execute(entered).fetchall() == [(10, 10)]


@pytest.mark.parametrize("beside_others", [False, True])
def test_only_who_folds_alone_has_more_than_one_process_of_the_server(
    ledger: LedgerScenario, beside_others: bool
) -> None:
    """Of several workers each has one already."""
    folder = folding.range_folder(
        ledger.database,
        members,
        CATALOGUE,
        Position(1),
        lambda members, events: None,
        writer=folding.shadow_writer(ledger.database, members, 0),
        beside_others=beside_others,
    )
    with ledger.database.connect(DatabaseRole.READ) as other, folder as opened:
        usual = other.execute("show max_parallel_workers_per_gather").fetchone()
        here = opened.reading.execute("show max_parallel_workers_per_gather").fetchone()
    assert usual != ("0",)
    assert here == (("0",) if beside_others else usual)
