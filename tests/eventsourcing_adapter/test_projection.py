"""Projections of ours under the library's ProjectionRunner."""

import random
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta

import pytest
from eventsourcing.persistence import NotSupportedError, Tracking
from eventsourcing.projection import ProjectionRunner

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.event import Event
from temple_ledger.domain.events import MemberJoined, MemberLeft, MembershipChanged, RoleAdded, RoleRemoved
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.eventsourcing_adapter.application import TempleLedger
from temple_ledger.infrastructure.eventsourcing_adapter.projection import ProjectionCheckpoint, under_the_library
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection
from tests.eventsourcing_adapter.builders import NOON, insert_undecodable, joined, role_added
from tests.lanes.halves import agrees, halves, split_members, standing

SECONDS = 60.0

Runner = ProjectionRunner[TempleLedger, ProjectionCheckpoint]


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database)


def running(declared: Projection, database: Database) -> Runner:
    return ProjectionRunner(
        application_class=TempleLedger,
        projection_class=under_the_library(declared),
        view_class=ProjectionCheckpoint,
        env={
            "TEMPLE_DATABASE_URL": database.dsn,
            "PERSISTENCE_MODULE": "temple_ledger.infrastructure.eventsourcing_adapter.factory",
        },
    )


def wait_for(runner: Runner) -> None:
    runner.wait(runner.app.recorder.max_notification_id(), timeout=SECONDS)


def history(seed: int, length: int) -> Sequence[Event]:
    """Of few members at few instants, so that many events come late and some at the same time."""
    chance = random.Random(seed)
    kinds = (MemberJoined, MemberLeft, RoleAdded, RoleRemoved, MembershipChanged)
    events: list[Event] = []
    for number in range(length):
        kind = chance.choice(kinds)
        minute = max(0, number // 2 - chance.choice((0, 0, 0, 0, 0, 0, 20)))
        columns = {
            "user_id": f"member{chance.randrange(6)}",
            "occurred_at": NOON + timedelta(minutes=minute),
            "source": "test",
        }
        if kind in (RoleAdded, RoleRemoved):
            columns["role"] = chance.choice(("Oracle", "Seeker", "Scribe"))
        if kind is MembershipChanged:
            columns["tier"] = chance.choice(("Acolyte", None))
        events.append(kind.model_validate(columns))
    return events


@pytest.mark.parametrize("seed", range(3))
def test_the_rows_are_those_of_our_runner(database: Database, ledger: LedgerScenario, seed: int) -> None:
    """Our verify folds the whole log, as our runner does, and compares; it counts what was passed, too."""
    events = history(seed, 120)
    ledger.given(*events[:60])

    with running(members, database) as first, running(activity, database) as second:
        for event in events[60:]:
            ledger.given(event)
        wait_for(first)
        wait_for(second)

    ledger.then_verified()


def test_each_event_is_a_transaction_of_its_own(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(joined("ada"), role_added("ada", "Oracle"), joined("grace"))

    with running(members, database) as runner:
        wait_for(runner)

    with database.connect(DatabaseRole.READ) as connection:
        journal = connection.execute(
            "select last_position, events from projection_batch where projection = 'members' order by 1"
        ).fetchall()
    assert journal == [(1, 1), (2, 1), (3, 1)]


def test_the_librarys_runner_and_ours_may_take_turns(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(joined("ada"))
    ledger.catch_up()
    ledger.given(role_added("ada", "Oracle"))

    with running(members, database) as runner:
        wait_for(runner)
    ledger.given(role_added("ada", "Seeker"))

    ledger.then_roles("ada", ["Oracle", "Seeker"])


def test_the_librarys_runner_and_ours_may_even_run_at_once(database: Database, ledger: LedgerScenario) -> None:
    with ExitStack() as stack:
        runners = [stack.enter_context(running(members, database)) for _ in range(2)]
        for event in history(7, 60):
            ledger.given(event)
            ledger.catch_up()
        for runner in runners:
            wait_for(runner)

    ledger.then_verified()


def test_a_member_whose_event_can_not_be_folded_is_parked_and_the_others_go_on(
    database: Database, ledger: LedgerScenario
) -> None:
    position = insert_undecodable(database, "ada")
    ledger.given(joined("grace"))

    with running(members, database) as runner:
        wait_for(runner)

    with database.connect(DatabaseRole.READ) as connection:
        parked = connection.execute("select user_id, position from projection_failure").fetchall()
    assert parked == [("ada", position)]
    ledger.then_status("grace", "active")


@pytest.mark.parametrize(
    ("change", "reason"),
    [("state = 'paused'", "paused"), ("state = 'needs replay'", "needs replay")],
)
def test_a_projection_that_may_not_go_on_stops_the_runner_with_a_sentence(
    database: Database, ledger: LedgerScenario, change: str, reason: str
) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(f"update projection_checkpoint set {change} where projection = 'members'")
    ledger.given(joined("ada"))

    with pytest.raises(Refused, match=reason), running(members, database) as runner:
        runner.run_forever(timeout=SECONDS)


def test_its_tracking_moves_with_its_rows_only(database: Database) -> None:
    view = ProjectionCheckpoint(database, name="members")

    with pytest.raises(NotSupportedError):
        view.insert_tracking(Tracking("TempleLedger", 1))

    assert view.max_tracking_id("TempleLedger") is None


def test_what_is_split_stands_where_its_last_lane_does_and_is_folded_all_the_same(
    database: Database, ledger: LedgerScenario
) -> None:
    split_members(database)
    (first, *_, last) = ledger.given(joined("bo"), joined("ada"), role_added("bo", "Oracle"))
    view = ProjectionCheckpoint(database, name="members")
    with halves(database) as (low, high):
        low.step()
        assert view.max_tracking_id("TempleLedger") is None
        high.step(limit=first)
        assert view.max_tracking_id("TempleLedger") == first
    view.close()
    with running(members, database) as runner:
        wait_for(runner)
    assert standing(database).lanes == (last,) * 16
    assert agrees(database)
