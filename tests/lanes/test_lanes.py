"""Lanes of a split projection: led one by one, brought together by whatever needs one position."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import LanesApart, NotLeader, StaleCheckpoint
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.lanes import join, stored_lanes
from temple_ledger.infrastructure.read_models.operations import operation_on_rows, parked, retry, set_state, skip
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.retraction import Selection, preview_retraction, retract
from temple_ledger.infrastructure.read_models.runner import runner as runner_module
from temple_ledger.infrastructure.read_models.runner.lanes import publish
from temple_ledger.infrastructure.read_models.runner.lease import WHOLE, Lease
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.repair import repair
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections import gathering
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.lanes import lane_of
from temple_ledger.projections.members import members
from temple_ledger.projections.pace import BatchPace
from temple_ledger.projections.processor import CAUGHT_UP
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.erasure.builders import erased
from tests.killed import Moment, run_killed
from tests.lanes.halves import HIGH, LOW, agrees, halves, history, split_members, standing
from tests.queries.builders import altered, unfoldable
from tests.thorough import points
from tests.verification.builders import since_last


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    """Its `members` is split, and has folded nothing."""
    split_members(database)
    return LedgerScenario(database)


@contextmanager
def running(database: Database, *lanes: range) -> Iterator[list[Runner]]:
    """A runner in a thread for each of these."""
    with ExitStack() as stack:
        runners = []
        for each in lanes:
            wakeup = stack.enter_context(Wakeup(database))
            runner = Runner(database, [members], wakeup, catalogue=CATALOGUE, lease=Lease(lanes=each))
            thread = threading.Thread(target=runner.run)
            thread.start()
            stack.callback(thread.join)
            stack.callback(runner.stop)
            runners.append(runner)
        yield runners


def run(database: Database, lanes: range = range(16)) -> None:
    with Wakeup(database) as wakeup:
        Runner(database, BUILT_IN, wakeup, catalogue=CATALOGUE, lease=Lease(lanes=lanes)).run(until_caught_up=True)


def test_the_database_and_python_give_a_member_the_same_lane(database: Database) -> None:
    with database.connect(DatabaseRole.READ) as connection:

        @settings(max_examples=20, deadline=None)
        @given(st.lists(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])), min_size=20))
        def agree(user_ids: list[str]) -> None:
            found = connection.execute("select lane_of(each) from unnest(%s::text[]) as each", (user_ids,)).fetchall()
            assert [lane for (lane,) in found] == [lane_of(each) for each in user_ids]

        agree()


def test_two_runners_with_half_of_the_lanes_each_fold_what_one_folds(ledger: LedgerScenario) -> None:
    history(ledger)
    unfoldable(ledger.database, LOW[1], at(5))
    unfoldable(ledger.database, HIGH[1], at(5))
    with running(ledger.database, range(8), range(8, 16)):
        (*_, last) = history(ledger, 1)
        while standing(ledger.database).position < last:
            threading.Event().wait(0.01)
    assert len(standing(ledger.database).lanes) == 16
    assert agrees(ledger.database)
    with ledger.database.connect(DatabaseRole.READ) as connection:
        assert len(parked(connection, projection="members")) == 2


def test_a_lane_that_is_folded_leaves_the_others_where_they_are_and_everybody_agrees(ledger: LedgerScenario) -> None:
    (*_, last) = history(ledger)
    with halves(ledger.database) as (low, high):
        low.step()
        there = standing(ledger.database)
        assert (there.position, there.lanes) == (0, (last,) * 8 + (0,) * 8)
        assert [bool(ledger.rows(members, "temple_member_status", each)) for each in (LOW[0], HIGH[0])] == [True, False]
        assert agrees(ledger.database)
        looked = since_last(ledger.database, members)
        assert (looked.verified.members, looked.verified.ok, looked.round.verified_position) == (len(LOW), True, 0)
        high.step(limit=3)
        assert agrees(ledger.database)
        high.step()
        assert standing(ledger.database).position == last
        assert agrees(ledger.database)


def test_drift_in_a_lane_that_is_ahead_is_found_and_repaired_where_it_stands(ledger: LedgerScenario) -> None:
    (*_, last) = history(ledger)
    with halves(ledger.database) as (low, _):
        low.step()
        altered(ledger.database, f"update discord_user_current_roles set granted_by = 'x' where user_id = '{LOW[0]}'")
        found = verify(ledger.database, members, catalogue=CATALOGUE)
        assert found.drifted == [LOW[0]]
        repair(ledger.database, members, found, by="ada", reason="x", catalogue=CATALOGUE)
    assert standing(ledger.database).position == last
    assert agrees(ledger.database)


def test_an_event_that_a_lane_passed_over_is_a_miscount(ledger: LedgerScenario) -> None:
    history(ledger)
    with halves(ledger.database) as (low, _):
        low.step()
        altered(ledger.database, "update projection_lane set passed = passed - 1 where lane = 0")
        assert verify(ledger.database, members, catalogue=CATALOGUE).miscounted


def test_lanes_of_one_holder_meet_and_are_one_step_from_there(ledger: LedgerScenario) -> None:
    history(ledger)
    with halves(ledger.database) as (low, high):
        low.step(limit=5)
        high.step(limit=9)
    (*_, last) = history(ledger, 1)
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("delete from projection_lease")
    run(ledger.database)
    there = standing(ledger.database)
    assert (there.position, there.is_apart) == (last, False)
    with ledger.database.connect(DatabaseRole.READ) as connection:
        # the last step was of all of them: it moved the checkpoint itself
        assert connection.execute("select max(position) from projection_lane").fetchone() != (last,)
    assert agrees(ledger.database)


def test_a_wide_step_of_lanes_folds_their_members_alone_and_passes_what_nobody_folds(ledger: LedgerScenario) -> None:
    known = history(ledger)
    with ledger.database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source) "
            "select gen_random_uuid(), now(), 'discord_message_pin', member, 'pinned', 'discord' "
            "from unnest(%s::varchar[]) as member",
            ([*LOW, *HIGH[:2]],),
        )
    last = known[-1] + len(LOW) + 2
    with halves(ledger.database) as (low, high):
        step = low.step(limit=len(known), in_time=lambda: True)
        assert (step.events, step.position) == (4 * len(LOW) - 2, known[-1])
        step = low.step(in_time=lambda: True)
        assert (step.events, step.rows, step.position) == (len(LOW), 0, last)
        assert standing(ledger.database).lanes == (last,) * 8 + (0,) * 8
        assert agrees(ledger.database)
        assert high.step(in_time=lambda: True).events == 4 * len(HIGH) - 2 + 2
    assert standing(ledger.database).position == last
    assert agrees(ledger.database)


def test_what_all_lanes_have_passed_is_published_and_journalled_once(ledger: LedgerScenario) -> None:
    (*_, last) = history(ledger)
    with halves(ledger.database) as (low, high):
        low.step()
        with ledger.database.connect(DatabaseRole.READ) as connection:
            journal = "select last_position, events from projection_batch where projection = 'members'"
            assert connection.execute(journal).fetchall() == []
            high.step(limit=4)
            high.step()
            low.step()
            (first, second) = connection.execute(journal).fetchall()
            assert (first[1] + second[1], second[0]) == (last, last)
            unprocessed = "select count(*) from webhook_audit_trail where processed_at is null"
            assert connection.execute(unprocessed).fetchone() == (0,)


def test_what_was_seen_before_an_operation_is_not_published_after_it(ledger: LedgerScenario) -> None:
    """An operation that sets the projection back while somebody is about to publish."""
    history(ledger)
    with halves(ledger.database) as (low, high), ledger.database.connect(DatabaseRole.PROJECT) as other:
        for half in (low, high):
            half.processor.lanes_step(half.lease.lanes, upto=settled_head(half.connection), limit=99)
        publisher = threading.Thread(target=lambda: publish(low.connection, members.key))
        with other.transaction():
            other.execute("update projection_checkpoint set epoch = epoch + 1 where projection = 'members'")
            other.execute("update projection_lane set position = 0, passed = 0")
            publisher.start()
            with ledger.database.connect(DatabaseRole.LOGIN) as looking:
                waiting = "select from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
                while looking.execute(waiting, (low.connection.info.backend_pid,)).fetchone() is None:
                    threading.Event().wait(0.01)
        publisher.join()
    assert standing(ledger.database).position == 0


def test_an_operation_and_a_step_of_a_lane_exclude_each_other(ledger: LedgerScenario) -> None:
    history(ledger)
    with halves(ledger.database) as (low, _):
        with operation_on_rows(ledger.database, members, CATALOGUE), pytest.raises(psycopg.errors.LockNotAvailable):
            low.step()
        with low.connection.transaction():
            transaction = PostgresTransaction(low.connection, low.lease.holder)
            transaction.lock_lanes(members.key, low.lease.lanes_of(members.key))
            with ledger.database.connect(DatabaseRole.PROJECT) as other, other.transaction():
                other.execute("set local lock_timeout = '10ms'")
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    PostgresTransaction(other).lock_checkpoint(members.key)


@pytest.mark.parametrize(
    "other",
    [
        "update projection_checkpoint set epoch = epoch + 1 where projection = 'members'",
        "update projection_checkpoint set split = false where projection = 'members'",
    ],
)
def test_lanes_that_somebody_else_moved_are_not_advanced(ledger: LedgerScenario, other: str) -> None:
    history(ledger)
    with halves(ledger.database) as (low, _), low.connection.transaction():
        transaction = PostgresTransaction(low.connection, low.lease.holder)
        before, _ = transaction.lock_lanes(members.key, low.lease.lanes_of(members.key))
        altered(ledger.database, other)
        with pytest.raises(StaleCheckpoint):
            transaction.advance(before, to=Position(3), passed=1)


def test_what_is_remembered_of_members_does_not_survive_an_operation(ledger: LedgerScenario) -> None:
    ledger.given(role_added("bo", "Seeker", at(1)))
    with halves(ledger.database) as (low, high):
        low.step()
        high.step()
        altered(ledger.database, "update discord_user_current_roles set granted_by = 'mod' where user_id = 'bo'")
        with operation_on_rows(ledger.database, members, CATALOGUE):
            pass
        ledger.given(role_added("bo", "Seeker", at(2)))
        low.step()
    assert [row[-1] for row in ledger.rows(members, "discord_user_current_roles", "bo")] == ["mod"]


def test_of_lanes_that_are_led_nobody_else_steps_or_takes_one(ledger: LedgerScenario) -> None:
    history(ledger)
    with halves(ledger.database) as (low, high):
        assert high.lease.acquire(high.connection, [members.key]) == {members.key: None}
        with pytest.raises(NotLeader):
            high.processor.lanes_step(range(8), upto=settled_head(high.connection), limit=5)
        every = Lease()
        assert every.acquire(high.connection, [members.key]) == {members.key: low.lease.description}
        low.lease.release(low.connection)
        assert every.acquire(high.connection, [members.key]) == {members.key: None}
        assert every.lanes_of(members.key) == frozenset(range(8))
        with pytest.raises(NotLeader):
            low.step()
        # who leads some of them has no step of all of them
        with pytest.raises(NotLeader):
            high.processor.step(upto=settled_head(high.connection), limit=5)


def test_the_lanes_of_a_runner_that_died_go_to_another_one(ledger: LedgerScenario) -> None:
    (*_, last) = history(ledger)
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        Lease(lanes=range(8)).acquire(connection, [members.key])
    with running(ledger.database, range(16)):
        while standing(ledger.database).position < last:
            threading.Event().wait(0.01)
    assert agrees(ledger.database)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_exchange_rows_lanes_and_counts_agree(ledger: LedgerScenario, moment: Moment) -> None:
    def work() -> None:
        with halves(ledger.database) as both:
            for half in both:
                while half.step(limit=30).idle != CAUGHT_UP:
                    pass

    for number, exchange in enumerate(points(1_000, moment=moment, apart=41)):
        history(ledger, number)
        killed = run_killed(work, at=exchange, moment=moment)
        assert agrees(ledger.database)
        with ledger.database.connect(DatabaseRole.PROJECT) as connection:
            connection.execute("delete from projection_lease")
        if not killed:
            break
    else:
        pytest.fail("it never came to its end")
    assert exchange > 41


def test_what_was_skipped_retried_retracted_or_erased_is_so_in_all_lanes(ledger: LedgerScenario) -> None:
    positions = history(ledger)
    unfoldable(ledger.database, LOW[0], at(4))
    unfoldable(ledger.database, HIGH[0], at(4))
    with halves(ledger.database) as (low, high):
        low.step()
        high.step(limit=7)
        with ledger.database.connect(DatabaseRole.READ) as connection:
            (failure,) = parked(connection, projection="members")
        assert len(retry(ledger.database, members, [failure], by="ada", catalogue=CATALOGUE)) == 1
        skip(ledger.database, members, failure, by="ada", reason="x", catalogue=CATALOGUE)
        assert agrees(ledger.database)
        history(ledger, 1)
        high.step()
        chosen = Selection(positions=PositionSet.of([positions[0], positions[5]]))
        shown = preview_retraction(ledger.database, chosen, [members], CATALOGUE)
        done = retract(ledger.database, chosen, [members], CATALOGUE, reason="x", by="ada")
        assert agrees(ledger.database)
        assert shown.members <= done.members
        history(ledger, 2)
        low.step()
        erased(ledger.database, HIGH[2])
        assert agrees(ledger.database)


def test_a_replay_beside_lanes_that_stand_apart_finds_no_difference_but_what_it_folds(ledger: LedgerScenario) -> None:
    history(ledger)
    with halves(ledger.database) as (low, high):
        low.step()
        high.step()
        history(ledger, 1)
        low.step()
        high.step(limit=5)
        found: list[Any] = []
        rebuild(ledger.database, members, catalogue=CATALOGUE, by="ada", each=found.append)
        assert agrees(ledger.database)
    assert {each.user_id for each in found} <= set(HIGH)
    assert not standing(ledger.database).is_apart


def test_rows_of_other_rules_are_replaced_in_all_lanes_wherever_they_stand(ledger: LedgerScenario) -> None:
    (*_, last) = history(ledger)
    with halves(ledger.database) as (low, _):
        low.step()
    altered(ledger.database, "update projection_checkpoint set reads = '{}', epoch = epoch + 1")
    altered(ledger.database, "delete from discord_user_current_roles where user_id = 'bo'")
    rebuild(ledger.database, members, catalogue=CATALOGUE, by="ada")
    assert standing(ledger.database).lanes == (last,) * 16
    assert agrees(ledger.database)


def test_the_rebuild_in_sql_puts_each_member_right_as_its_lane_stands(ledger: LedgerScenario) -> None:
    history(ledger)
    with halves(ledger.database) as (low, high):
        low.step()
        altered(ledger.database, "delete from discord_user_current_roles where user_id = 'bo'")
        with ledger.database.connect(DatabaseRole.PROJECT) as connection:
            connection.execute("call rebuild_derived_state_from_audit()")
        assert agrees(ledger.database)
        high.step()
        assert agrees(ledger.database)


def test_lanes_too_far_apart_are_not_brought_together_and_nothing_changes(
    ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MOST_APART", 3)
    history(ledger)
    with halves(ledger.database) as (low, high):
        low.step()
        before = standing(ledger.database)
        with pytest.raises(LanesApart, match=r"positions apart.*let runners catch up"):
            join(ledger.database, members, by="ada", catalogue=CATALOGUE)
        with high.connection.transaction(), pytest.raises(LanesApart):
            PostgresTransaction(high.connection).lock_checkpoint(members.key)
        assert standing(ledger.database) == before
        # a pause does not concern the rows
        set_state(ledger.database, members.key, ProjectionState.PAUSED, by="ada")
        assert high.step().idle == ProjectionState.PAUSED
        assert standing(ledger.database).lanes == before.lanes


def test_joined_it_goes_on_as_one_from_where_the_first_lane_stood(ledger: LedgerScenario) -> None:
    (*_, last) = history(ledger)
    with halves(ledger.database) as (low, high):
        low.step()
        join(ledger.database, members, by="ada", reason="enough", catalogue=CATALOGUE)
        there = standing(ledger.database)
        assert (there.position, there.split, there.passed) == (last, False, last)
        with pytest.raises(NotLeader):
            high.step()
    history(ledger, 1)
    run(ledger.database)
    assert agrees(ledger.database)
    with ledger.database.connect(DatabaseRole.READ) as connection:
        assert stored_lanes(connection, members.key) == []
        done = connection.execute("select kind, reason from ledger_operation order by id").fetchall()
    assert done == [("split", None), ("join", "enough")]


def test_a_runner_that_leads_all_of_it_goes_on_by_lanes_once_it_is_split_and_as_one_once_it_is_joined(
    database: Database,
) -> None:
    ledger = LedgerScenario(database)

    def folded(number: int) -> None:
        (*_, last) = history(ledger, number)
        while standing(database).position < last:
            threading.Event().wait(0.01)

    with running(database, range(16)):
        folded(0)
        split_members(database)
        folded(1)
        join(database, members, by="ada", catalogue=CATALOGUE)
        folded(2)
    assert agrees(database)


@pytest.mark.parametrize("lanes", [range(16), range(8, 16)])
def test_a_runner_that_finds_its_lanes_joined_before_it_renews_leads_all_of_it(
    ledger: LedgerScenario, lanes: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "RENEW_SECONDS", 3_600.0)
    (*_, last) = history(ledger)
    with Wakeup(ledger.database) as wakeup, ledger.database.connect(DatabaseRole.READ) as connection:
        runner = Runner(ledger.database, [members], wakeup, catalogue=CATALOGUE, lease=Lease(lanes=lanes))
        thread = threading.Thread(target=runner.run)
        thread.start()

        def leads_all() -> bool:
            return connection.execute("select lane from projection_lease").fetchall() == [(WHOLE,)]

        try:
            while any(standing(ledger.database).lanes[lane] < last for lane in lanes):
                assert thread.is_alive()
            join(ledger.database, members, by="ada", catalogue=CATALOGUE)
            while not leads_all():
                assert thread.is_alive()
        finally:
            runner.stop()
            thread.join()


def test_a_runner_that_knows_no_lanes_is_refused_the_lease_of_all(ledger: LedgerScenario) -> None:
    with (
        ledger.database.connect(DatabaseRole.PROJECT) as connection,
        pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="update it"),
    ):
        connection.execute(
            "insert into projection_lease (projection, version, holder, description, backend_pid, acquired_at,"
            " renewed_at, expires_at) values ('members', 1, gen_random_uuid(), 'an older runner', pg_backend_pid(),"
            " now(), now(), now())"
        )


def test_rollups_of_lanes_that_are_stepped_at_once_wait_for_nobody(ledger: LedgerScenario) -> None:
    ledger.given(*[role_added(each, "Oracle", at(1)) for each in (*LOW, *HIGH)])
    with halves(ledger.database) as (low, high), low.connection.transaction():
        high.connection.execute("set lock_timeout = '10ms'")
        low.processor.lanes_step(range(8), upto=settled_head(high.connection), limit=99)
        # the transaction around it is open still
        high.processor.lanes_step(range(8, 16), upto=settled_head(high.connection), limit=99)
    assert verify(ledger.database, members, catalogue=CATALOGUE).ok
    with ledger.database.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select members from role_headcount").fetchall() == [(len(LOW) + len(HIGH),)]


def test_late_events_of_a_lane_are_late_there(ledger: LedgerScenario) -> None:
    ledger.given(joined("bo", at(5)), joined("ada", at(5)))
    with halves(ledger.database) as (low, high):
        low.step()
        ledger.given(role_added("bo", "Oracle", at(1)), role_added("ada", "Oracle", at(1)))
        assert (low.step().refolded, high.step().refolded) == (1, 0)
        assert agrees(ledger.database)


def test_a_step_of_few_lanes_widens_by_what_it_went_over(ledger: LedgerScenario) -> None:
    """A limit is of events of all lanes: by those of its own, a step would never be found full."""
    history(ledger)
    with halves(ledger.database) as (low, _):
        step = low.step(limit=10)
    assert (step.gone_over, step.events < 10) == (10, True)
    pace = BatchPace(limit=10)
    pace.after(step.gone_over, 0.0)
    assert pace.limit == 20


def test_the_lane_of_a_member_is_worked_into_what_asks_for_it(database: Database) -> None:
    """Called for each row of the log, it would take longer than all else that the statement does."""
    with database.connect(DatabaseRole.READ) as connection:
        plan = connection.execute("explain (verbose, costs off) select lane_of(user_id) from webhook_audit_log")
        shown = "\n".join(line for (line,) in plan)
    assert "sha256" in shown
    assert "lane_of" not in shown
