"""The library's own runners, unchanged, on our log."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid5

import pytest
from eventsourcing.application import AggregateNotFoundError, ProcessingEvent
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, DomainEventProtocol, event
from eventsourcing.persistence import IntegrityError, Tracking
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.projection import (
    EventSourcedProjection,
    EventSourcedProjectionRunner,
    Projection,
    ProjectionRunner,
)

from temple_ledger.domain.events import MemberJoined, RoleAdded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.eventsourcing_adapter.application import TempleLedger
from temple_ledger.infrastructure.eventsourcing_adapter.mapper import UndecodableRow
from temple_ledger.infrastructure.eventsourcing_adapter.tracking import CheckpointTrackingRecorder
from tests.eventsourcing_adapter.builders import (
    INSERT,
    cut_connections,
    entry,
    insert_undecodable,
    joined,
    positions,
    role_added,
)

SECONDS = 60.0
APPENDERS = 8
TRANSACTIONS = 100


class Seen(CheckpointTrackingRecorder):
    """Every position that the projection was given, in the order in which it came."""

    tables = (
        """
        create table if not exists seen (
            place bigint generated always as identity primary key,
            position bigint not null unique
        )
        """,
        "grant select, insert on seen to temple_project",
    )

    def see(self, tracking: Tracking) -> None:
        with self.tracked(tracking) as cursor:
            cursor.execute("insert into seen (position) values (%s)", (tracking.notification_id,))

    def all(self) -> list[int]:
        with self.transaction() as cursor:
            return [row[0] for row in cursor.execute("select position from seen order by place")]


class SeeAll(Projection[Seen]):
    name = "seeall"

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.see(tracking)


class SeeRoles(Projection[Seen]):
    name = "seeroles"
    topics = ("discord_role_change/added",)

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        raise AssertionError(f"not asked for: {domain_event}")

    @process_event.register
    def _(self, domain_event: RoleAdded, tracking: Tracking) -> None:
        self.view.see(tracking)


class SeeGood(Projection[Seen]):
    """Notes what can be decoded, and goes on where something cannot."""

    name = "seegood"

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.see(tracking)

    @process_event.register
    def _(self, row: UndecodableRow, tracking: Tracking) -> None:
        self.view.insert_tracking(tracking)


@pytest.fixture
def env(database: Database) -> dict[str, str]:
    return {
        "TEMPLE_DATABASE_URL": database.dsn,
        "PERSISTENCE_MODULE": "temple_ledger.infrastructure.eventsourcing_adapter.factory",
    }


@pytest.fixture
def ledger(env: dict[str, str]) -> Iterator[TempleLedger]:
    with TempleLedger(env) as ledger:
        yield ledger


def running(projection: type[Projection[Seen]], env: dict[str, str]) -> ProjectionRunner[TempleLedger, Seen]:
    return ProjectionRunner(application_class=TempleLedger, projection_class=projection, view_class=Seen, env=env)


def append_at_random(database: Database, seed: int) -> None:
    """Transactions of one to four events that take their time; a quarter of them is rolled back."""
    chance = random.Random(seed)
    with database.connect(DatabaseRole.APPEND) as connection:
        for number in range(TRANSACTIONS):
            with connection.transaction(force_rollback=chance.random() < 0.25):
                for event_number in range(chance.randint(1, 4)):
                    member = f"member{seed}-{number}-{event_number}"
                    connection.execute(INSERT, entry(joined(member))._asdict())
                    connection.execute("select pg_sleep(%s)", (chance.random() * 0.01,))


def test_nothing_is_lost_while_eight_append_and_roll_back(database: Database, env: dict[str, str]) -> None:
    with running(SeeAll, env) as runner:
        with ThreadPoolExecutor(APPENDERS) as appenders:
            for done in [appenders.submit(append_at_random, database, seed) for seed in range(APPENDERS)]:
                done.result()
        runner.wait(runner.app.recorder.max_notification_id(), timeout=SECONDS)

        assert runner.view.all() == positions(database)


def test_a_runner_that_starts_again_goes_on_where_it_was(
    database: Database, env: dict[str, str], ledger: TempleLedger
) -> None:
    for number in range(3):
        with running(SeeAll, env) as runner:
            *_, last = ledger.save(joined(f"ada{number}"), joined(f"grace{number}"))
            runner.wait(last.notification.id, timeout=SECONDS)

    with running(SeeAll, env) as runner:
        assert runner.view.all() == positions(database)


def test_two_runners_of_one_projection_write_every_event_once(
    database: Database, env: dict[str, str], ledger: TempleLedger
) -> None:
    seen: list[int] = []
    # that of the two which comes second to an event: the library ends it
    with suppress(IntegrityError), running(SeeAll, env) as first, running(SeeAll, env):
        *_, last = ledger.save(*(joined(f"member{number}") for number in range(40)))
        first.view.wait("TempleLedger", last.notification.id, timeout=SECONDS)
        seen = first.view.all()

    assert seen == positions(database)


def test_topics_are_filtered_in_the_database(env: dict[str, str], ledger: TempleLedger) -> None:
    with running(SeeRoles, env) as runner:
        ledger.save(joined("ada"))
        (granted,) = ledger.save(role_added("ada", "Oracle"))
        runner.wait(granted.notification.id, timeout=SECONDS)

        assert runner.view.all() == [granted.notification.id]


def test_a_row_that_can_not_be_decoded_is_the_projections_to_judge(
    database: Database, env: dict[str, str], ledger: TempleLedger
) -> None:
    insert_undecodable(database, "ada")
    (good,) = ledger.save(joined("grace"))

    with running(SeeGood, env) as runner:
        runner.wait(good.notification.id, timeout=SECONDS)

        assert runner.view.all() == [good.notification.id]


def test_a_runner_goes_on_after_the_connections_of_its_log_were_cut(
    database: Database, env: dict[str, str], ledger: TempleLedger
) -> None:
    with running(SeeAll, env) as runner:
        (first,) = ledger.save(joined("ada"))
        runner.wait(first.notification.id, timeout=SECONDS)

        cut_connections(database)
        (second,) = ledger.save(joined("grace"))

        runner.wait(second.notification.id, timeout=SECONDS)
        assert runner.view.all() == positions(database)


class InMemory(POPOTrackingRecorder):
    """A view that has nothing to do with our database."""

    def __init__(self) -> None:
        super().__init__()
        self.members: set[str] = set()

    def add(self, user_id: str, tracking: Tracking) -> None:
        with self._database_lock:
            self._assert_tracking_uniqueness(tracking)
            self._insert_tracking(tracking)
            self.members.add(user_id)


class Members(Projection[InMemory]):
    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.insert_tracking(tracking)

    @process_event.register
    def _(self, domain_event: MemberJoined, tracking: Tracking) -> None:
        self.view.add(domain_event.user_id, tracking)


def test_a_view_may_live_elsewhere(database: Database, ledger: TempleLedger) -> None:
    (first,) = ledger.save(joined("ada"))

    with ProjectionRunner(
        application_class=TempleLedger,
        projection_class=Members,
        view_class=InMemory,
        env={"TEMPLE_DATABASE_URL": database.dsn},
    ) as runner:
        (second,) = ledger.save(joined("grace"))
        runner.wait(second.notification.id, timeout=SECONDS)

        assert runner.view.members == {"ada", "grace"}
    assert first.notification.id < second.notification.id


class Tally(Aggregate):
    NAMESPACE = UUID("6f1d7a58-3f0c-4c35-8f3e-1f8f4d1f7a10")

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    @classmethod
    def create_id(cls, name: str) -> UUID:
        return uuid5(cls.NAMESPACE, name)

    @event("Counted")
    def counted(self) -> None:
        self.count += 1


class Tallies(EventSourcedProjection[UUID]):
    """An application of the library with aggregates of its own, in a store of its own."""

    @singledispatchmethod
    def policy(self, domain_event: DomainEventProtocol[Any], processing_event: ProcessingEvent[UUID]) -> None:
        try:
            tally: Tally = self.repository.get(Tally.create_id("all"))
        except AggregateNotFoundError:
            tally = Tally("all")
        tally.counted()
        processing_event.collect_events(tally)


def test_an_event_sourced_projection_follows_our_log(database: Database, ledger: TempleLedger) -> None:
    with EventSourcedProjectionRunner(
        application_class=TempleLedger,
        projection_class=Tallies,
        env={"TEMPLE_DATABASE_URL": database.dsn},
    ) as runner:
        *_, last = ledger.save(joined("ada"), role_added("ada", "Oracle"))
        runner.wait(last.notification.id, timeout=SECONDS)

        tally: Tally = runner.projection.repository.get(Tally.create_id("all"))
        assert tally.count == 2
