"""Tracking is kept in projection_checkpoint, in the transaction that writes a view's rows."""

from collections.abc import Iterator

import pytest
from eventsourcing.persistence import IntegrityError, ProgrammingError, Tracking

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.eventsourcing_adapter.tracking import CheckpointTrackingRecorder
from tests.eventsourcing_adapter.builders import cut_connections
from tests.eventsourcing_adapter.shipped import persistence as shipped


class TestTheLibrarysContract(shipped.TrackingRecorderTestCase):
    """The tests that the library ships for every tracking recorder."""

    @pytest.fixture(autouse=True)
    def _given_a_ledger(self, database: Database) -> None:
        self.database = database

    def create_recorder(self) -> CheckpointTrackingRecorder:
        return CheckpointTrackingRecorder(self.database)


class EventCounters(CheckpointTrackingRecorder):
    """A view as somebody would write it on our database."""

    tables = (
        "create table if not exists event_counters (name text primary key, number bigint not null)",
        "grant select, insert, update, delete on event_counters to temple_project",
    )

    def number(self, name: str) -> int:
        with self.transaction() as cursor:
            row = cursor.execute("select number from event_counters where name = %s", (name,)).fetchone()
        return 0 if row is None else int(row[0])

    def increment(self, name: str, tracking: Tracking) -> None:
        with self.tracked(tracking) as cursor:
            cursor.execute(
                "insert into event_counters values (%s, 1) on conflict (name) do update "
                "set number = event_counters.number + 1",
                (name,),
            )


@pytest.fixture
def view(database: Database) -> Iterator[EventCounters]:
    view = EventCounters(database, name="counters")
    view.create_tables()
    yield view
    view.close()


def test_what_a_view_writes_is_kept_with_its_tracking_or_not_at_all(view: EventCounters) -> None:
    def write_and_fail() -> None:
        with view.tracked(Tracking("upstream", 7)) as cursor:
            cursor.execute("insert into event_counters values ('created', 1)")
            raise RuntimeError("after writing")

    with pytest.raises(RuntimeError):
        write_and_fail()

    assert view.number("created") == 0
    assert view.max_tracking_id("upstream") is None


def test_an_event_that_was_processed_writes_nothing_again(view: EventCounters) -> None:
    view.increment("created", Tracking("upstream", 7))

    with pytest.raises(IntegrityError):
        view.increment("created", Tracking("upstream", 7))
    with pytest.raises(IntegrityError):
        view.increment("created", Tracking("upstream", 6))

    assert view.number("created") == 1


def test_a_views_own_violations_are_the_librarys_errors_without_the_row(view: EventCounters) -> None:
    view.increment("created", Tracking("upstream", 1))

    with pytest.raises(IntegrityError) as caught, view.tracked(Tracking("upstream", 2)) as cursor:
        cursor.execute("insert into event_counters values ('created', 1)")

    assert "(created)" not in str(caught.value)
    assert view.max_tracking_id("upstream") == 1


def test_tables_are_made_once_however_often_a_view_starts(database: Database, view: EventCounters) -> None:
    view.increment("created", Tracking("upstream", 1))

    EventCounters(database, name="counters").create_tables()

    assert view.number("created") == 1


def test_views_of_other_names_track_apart(database: Database, view: EventCounters) -> None:
    other = CheckpointTrackingRecorder(database, name="other")

    view.insert_tracking(Tracking("TempleLedger", 5))

    assert other.max_tracking_id("TempleLedger") is None
    assert CheckpointTrackingRecorder(database, name="counters").max_tracking_id("TempleLedger") == 5


def test_a_tracking_never_meets_the_checkpoint_of_a_projection_of_ours(database: Database) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(
            "insert into projection_checkpoint (projection, version, active, position) values ('members', 1, true, 3) "
            "on conflict (projection, version, lane) do update set position = 3"
        )
        recorder = CheckpointTrackingRecorder(database, name="members")

        recorder.insert_tracking(Tracking("TempleLedger", 1))

        rows = connection.execute(
            "select projection, position from projection_checkpoint where position > 0"
        ).fetchall()
    assert dict(rows) == {"members": 3, "tracking:members:TempleLedger": 1}


@pytest.mark.parametrize("name", ["", "a:b", "n" * 60])
def test_a_name_that_could_meet_another_is_refused(database: Database, name: str) -> None:
    with pytest.raises(ProgrammingError):
        CheckpointTrackingRecorder(database, name=name).insert_tracking(Tracking("upstream", 1))


def test_tracking_goes_on_after_its_connection_was_cut(database: Database) -> None:
    recorder = CheckpointTrackingRecorder(database, name="counters")
    recorder.insert_tracking(Tracking("upstream", 1))

    cut_connections(database)
    recorder.insert_tracking(Tracking("upstream", 2))

    assert recorder.max_tracking_id("upstream") == 2
    recorder.close()
