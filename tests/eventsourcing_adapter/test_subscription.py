"""A subscription yields every event once, in the order of positions, and ends when it is told to."""

import threading
from collections.abc import Iterator
from itertools import islice

import pytest
from eventsourcing.persistence import ApplicationRecorder, PersistenceError, Subscription

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.eventsourcing_adapter.recorder import LogRecorder
from tests.eventsourcing_adapter.builders import INSERT, cut_connections, entry, joined, role_added, stored

SECONDS = 20.0


@pytest.fixture
def recorder(database: Database) -> Iterator[LogRecorder]:
    recorder = LogRecorder(database, catalogue=CATALOGUE)
    yield recorder
    recorder.close()


def next_ids(subscription: Subscription[ApplicationRecorder], count: int) -> list[int]:
    return [notification.id for notification in islice(subscription, count)]


def test_it_yields_what_is_there_and_what_comes(recorder: LogRecorder) -> None:
    recorder.insert_events(stored(joined("ada")))

    with recorder.subscribe() as subscription:
        assert next_ids(subscription, 1) == [1]
        recorder.insert_events(stored(joined("grace"), role_added("grace", "Oracle")))
        assert next_ids(subscription, 2) == [2, 3]


def test_it_begins_after_a_position(recorder: LogRecorder) -> None:
    recorder.insert_events(stored(joined("ada"), joined("grace"), joined("joan")))

    with recorder.subscribe(gt=2) as subscription:
        assert next_ids(subscription, 1) == [3]


def test_it_yields_only_its_topics_however_rare_they_are(recorder: LogRecorder) -> None:
    for hundred in range(0, 1_200, 100):
        recorder.insert_events(stored(*(joined(f"member{hundred + n}") for n in range(100))))
    (rare,) = recorder.insert_events(stored(role_added("ada", "Oracle")))

    with recorder.subscribe(topics=["discord_role_change/added"]) as subscription:
        assert next_ids(subscription, 1) == [rare]
        (another,) = recorder.insert_events(stored(role_added("ada", "Seeker")))
        assert next_ids(subscription, 1) == [another]


def test_it_waits_for_a_position_that_may_still_be_filled(database: Database, recorder: LogRecorder) -> None:
    with recorder.subscribe() as subscription, database.connect(DatabaseRole.APPEND) as writer:
        with writer.transaction():
            writer.execute(INSERT, entry(joined("slow"))._asdict())
            recorder.insert_events(stored(joined("quick")))
        assert [each.originator_id for each in islice(subscription, 2)] == ["slow", "quick"]


def test_it_does_not_wait_for_a_transaction_that_appends_nothing(database: Database, recorder: LogRecorder) -> None:
    with database.connect(DatabaseRole.APPEND) as ghost, ghost.transaction(force_rollback=True):
        ghost.execute(INSERT, entry(joined("ghost"))._asdict())
    (position,) = recorder.insert_events(stored(joined("ada")))

    with (
        database.connect(DatabaseRole.APPEND) as idle,
        idle.transaction(),
        recorder.subscribe() as subscription,
    ):
        idle.execute("select count(*) from webhook_audit_log")
        assert next_ids(subscription, 1) == [position]


def test_it_goes_on_where_it_was_after_its_connections_were_cut(database: Database, recorder: LogRecorder) -> None:
    with recorder.subscribe() as subscription:
        recorder.insert_events(stored(joined("ada")))
        assert next_ids(subscription, 1) == [1]

        cut_connections(database)
        recorder.insert_events(stored(joined("grace"), joined("joan")))

        assert next_ids(subscription, 2) == [2, 3]


def test_stopping_ends_the_iteration_at_once_while_it_waits(recorder: LogRecorder) -> None:
    with recorder.subscribe() as subscription:
        consumer = threading.Thread(target=lambda: list(subscription))
        consumer.start()

        subscription.stop()

        consumer.join(SECONDS)
        assert not consumer.is_alive()


def test_stopping_ends_a_subscription_that_nobody_reads(recorder: LogRecorder) -> None:
    """Its queue is full, and it waits for its consumer."""
    for hundred in range(0, 6_000, 500):
        recorder.insert_events(stored(*(joined(f"member{hundred + n}") for n in range(500))))

    with recorder.subscribe() as subscription:
        assert next_ids(subscription, 1) == [1]

    assert list(subscription) == []


def test_an_error_that_lasts_is_raised_where_the_events_are_read(database: Database, recorder: LogRecorder) -> None:
    with database.connect(DatabaseRole.OWNER) as owner:
        owner.execute("revoke select on webhook_audit_log from temple_read")

    with recorder.subscribe() as subscription, pytest.raises(PersistenceError):
        next(subscription)
