"""The log as the library appends to it and reads it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from eventsourcing.persistence import (
    DataError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    StoredEvent,
    Tracking,
)

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.eventsourcing_adapter.recorder import LogRecorder
from tests.eventsourcing_adapter.builders import (
    INSERT,
    cut_connections,
    entry,
    insert_undecodable,
    joined,
    positions,
    role_added,
    stored,
)


@pytest.fixture
def recorder(database: Database) -> Iterator[LogRecorder]:
    recorder = LogRecorder(database, catalogue=CATALOGUE)
    yield recorder
    recorder.close()


def with_source(event: StoredEvent, source: str) -> StoredEvent:
    """The same event_id, another fact."""
    return replace(event, state=json.dumps({**json.loads(event.state), "source": source}).encode())


def test_events_get_positions_in_their_order(recorder: LogRecorder) -> None:
    first = recorder.insert_events(stored(joined("ada"), role_added("ada", "Oracle")))
    second = recorder.insert_events(stored(joined("grace")))

    assert [*first, *second] == [1, 2, 3]


def test_nothing_to_append_is_nothing_appended(recorder: LogRecorder) -> None:
    assert recorder.insert_events([]) == []
    assert recorder.max_notification_id() is None


def test_the_same_events_again_add_nothing(recorder: LogRecorder) -> None:
    events = stored(joined("ada"), role_added("ada", "Oracle"))
    once = recorder.insert_events(events)

    assert recorder.insert_events(events) == once
    assert recorder.insert_events([events[1]]) == [once[1]]


def test_a_new_event_beside_an_old_one_is_kept(recorder: LogRecorder) -> None:
    old, new = stored(joined("ada"), role_added("ada", "Oracle"))
    (first,) = recorder.insert_events([old])

    again, added = recorder.insert_events([old, new])

    assert again == first
    assert added > first


@pytest.mark.parametrize("place", [0, 1])
def test_one_conflicting_event_keeps_all_of_them_out(database: Database, recorder: LogRecorder, place: int) -> None:
    old, new = stored(joined("ada"), role_added("ada", "Oracle"))
    first = recorder.insert_events([old])
    batch = [new]
    batch.insert(place, with_source(old, "manual"))

    with pytest.raises(IntegrityError, match="another content"):
        recorder.insert_events(batch)

    assert positions(database) == first


def test_two_contents_for_one_id_in_one_call_are_a_conflict(database: Database, recorder: LogRecorder) -> None:
    (event,) = stored(joined("ada"))

    with pytest.raises(IntegrityError):
        recorder.insert_events([event, with_source(event, "manual")])

    assert positions(database) == []


def test_an_event_that_was_read_from_the_log_is_not_appended_again(recorder: LogRecorder) -> None:
    recorder.insert_events(stored(joined("ada")))
    (read,) = recorder.select_events("ada")

    with pytest.raises(IntegrityError, match="version 1"):
        recorder.insert_events([read])


@pytest.mark.parametrize(
    "bad",
    [
        StoredEvent("ada", 0, "discord_join/joined", b"state1"),
        StoredEvent("ada", 0, "discord_join/joined", b"{}"),
        replace(stored(joined("ada"))[0], originator_id="grace"),
        replace(stored(joined("ada"))[0], topic="discord_leave/left"),
    ],
    ids=["no row", "no columns", "another member", "another event type"],
)
def test_what_is_no_row_of_the_log_is_refused(database: Database, recorder: LogRecorder, bad: StoredEvent) -> None:
    with pytest.raises(DataError):
        recorder.insert_events([*stored(joined("grace")), bad])

    assert positions(database) == []


def test_a_tracking_is_refused(recorder: LogRecorder) -> None:
    with pytest.raises(NotSupportedError):
        recorder.insert_events(stored(joined("ada")), tracking=Tracking("upstream", 1))


def test_a_members_events_are_selected_by_position(recorder: LogRecorder) -> None:
    recorder.insert_events(
        stored(joined("ada"), joined("grace"), role_added("ada", "Oracle"), role_added("ada", "Seeker"))
    )

    def versions(events: Sequence[StoredEvent]) -> list[int]:
        return [each.originator_version for each in events]

    assert versions(recorder.select_events("ada")) == [1, 3, 4]
    assert versions(recorder.select_events("ada", gt=1)) == [3, 4]
    assert versions(recorder.select_events("ada", gt=1, lte=3)) == [3]
    assert versions(recorder.select_events("ada", limit=2)) == [1, 3]
    assert versions(recorder.select_events("ada", desc=True, limit=2)) == [4, 3]
    assert recorder.select_events("nobody") == []


def test_notifications_end_before_a_position_that_may_still_be_filled(
    database: Database, recorder: LogRecorder
) -> None:
    recorder.insert_events(stored(joined("ada")))

    with database.connect(DatabaseRole.APPEND) as writer, writer.transaction():
        writer.execute(INSERT, entry(joined("slow"))._asdict())
        recorder.insert_events(stored(joined("grace")))

        assert [each.id for each in recorder.select_notifications(None, 10)] == [1]
        assert recorder.select_notifications(1, 10, inclusive_of_start=False) == []
        assert recorder.max_notification_id() == 3

    assert [each.id for each in recorder.select_notifications(None, 10)] == [1, 2, 3]


def test_notifications_pass_a_position_that_was_rolled_back(database: Database, recorder: LogRecorder) -> None:
    with database.connect(DatabaseRole.APPEND) as writer, writer.transaction(force_rollback=True):
        writer.execute(INSERT, entry(joined("ghost"))._asdict())
        recorder.insert_events(stored(joined("ada")))

        assert recorder.select_notifications(None, 10) == []

    assert [each.id for each in recorder.select_notifications(None, 10)] == [2]


def test_topics_select_event_types(recorder: LogRecorder) -> None:
    recorder.insert_events(
        stored(joined("ada"), role_added("ada", "Oracle"), joined("grace"), role_added("grace", "Oracle"))
    )

    def of(*topics: str, limit: int = 10) -> list[int]:
        return [each.id for each in recorder.select_notifications(None, limit, topics=topics)]

    assert of("discord_join/joined") == [1, 3]
    assert of("discord_role_change/added", limit=1) == [2]
    assert of("discord_join/joined", "discord_role_change/added") == [1, 2, 3, 4]
    assert of("discord_leave/left") == []


def test_a_row_that_can_not_be_decoded_is_a_notification_like_others(database: Database, recorder: LogRecorder) -> None:
    position = insert_undecodable(database, "ada")

    (notification,) = recorder.select_notifications(None, 10)

    assert (notification.id, notification.originator_id) == (position, "ada")


def test_reading_and_appending_go_on_after_their_connections_were_cut(
    database: Database, recorder: LogRecorder
) -> None:
    recorder.insert_events(stored(joined("ada")))
    recorder.select_notifications(None, 10)

    cut_connections(database)

    recorder.insert_events(stored(joined("grace")))
    assert len(recorder.select_notifications(None, 10)) == 2


def test_a_log_whose_reading_would_lose_events_is_refused(database: Database) -> None:
    with database.connect(DatabaseRole.OWNER) as owner:
        owner.execute("alter sequence webhook_audit_log_id_seq cache 10")

    with pytest.raises(ProgrammingError):
        LogRecorder(database, catalogue=CATALOGUE)


def test_a_database_that_is_not_there_is_the_librarys_error(database: Database) -> None:
    with pytest.raises(OperationalError):
        LogRecorder(Database(f"{database.dsn} dbname=nowhere"), catalogue=CATALOGUE)
