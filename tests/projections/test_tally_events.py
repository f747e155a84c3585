"""A tally says whether it reads the row of the log or the decoded event."""

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.event import Event, Payload, UnknownEvent
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.queries.trial import try_tally
from temple_ledger.infrastructure.read_models.operations import parked, retry
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.retraction import Selection, reinstate, retract
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.tally import Increments, Tally
from temple_ledger.projections.testing.histories import at, joined, stored_row
from temple_ledger.projections.testing.tally_specification import TallySpecification
from temple_ledger.projections.values import ColumnType


class Gave(Event, type="test/gave", version=2):
    points: int


@Gave.upcasts(1)
def _(old: Payload) -> Payload:
    return {"points": int(str(old["score"])) * 10}


def _points(event: Event) -> Increments:
    return {(-1,): 1} if isinstance(event, UnknownEvent) else {(1,): 1}


def _rows(recorded: Recorded) -> Increments:
    return {(int(recorded.metadata.get("points", 0)),): 1} if recorded.event_type == "test" else {}


TABLE = Table(
    "example_points_counted",
    columns=(Column("points", ColumnType.INTEGER), Column("events", ColumnType.BIGINT)),
    key=("points",),
)
by_event = Tally("points_by_event", version=1, table=TABLE, count=_points, reads=Event)
of_gave = Tally("points_of_gave", version=1, table=TABLE, count=lambda gave: {(gave.points,): 1}, reads=Gave)
by_row = Tally("points_by_row", version=1, table=TABLE, count=_rows)
EVENTS = (
    Gave(user_id="ada", occurred_at=at(1), source="test", points=7),
    stored_row("test/gave", "ada", score=4),
    joined("ada", at(2)),
)
BROKEN = stored_row("test/gave", "ada", score="four")


def test_decoded_events_are_of_their_newest_version() -> None:
    TallySpecification(of_gave).given(*EVENTS).then_counts({(7,): 1, (40,): 1})


def test_every_event_is_given_to_one_that_reads_all() -> None:
    TallySpecification(by_event, catalogue=CATALOGUE.with_models([Gave])).given(*EVENTS).then_counts({(1,): 3})


def test_rows_are_as_they_were_stored() -> None:
    TallySpecification(by_row, catalogue=CATALOGUE.with_models([Gave])).given(*EVENTS).then_counts({(7,): 1, (0,): 1})


def test_an_event_that_cannot_be_decoded_is_parked_alone() -> None:
    spec = TallySpecification(of_gave).given(*EVENTS, BROKEN)
    spec.then_parked(4, "upcast")
    spec.then_counts({(7,): 1, (40,): 1})


def test_whoever_counts_on_a_database_counts_the_same(database: Database) -> None:
    """Live, verified, replayed, retracted, counted again after it was parked, and tried."""
    ledger = LedgerScenario(database, projections=(of_gave,))
    ledger.given(*EVENTS, BROKEN)
    counts = {(7,): 1, (40,): 1}
    ledger.then_counts(of_gave, counts)
    assert rebuild(database, of_gave, catalogue=ledger.catalogue, by="ada") is not None
    ledger.then_counts(of_gave, counts)
    second = Selection(positions=PositionSet.of([Position(2)]))
    retract(database, second, [of_gave], ledger.catalogue, reason="test", by="ada")
    ledger.then_counts(of_gave, {(7,): 1})
    reinstate(database, second, [of_gave], ledger.catalogue, by="ada")
    ledger.then_counts(of_gave, counts)
    with database.connect(DatabaseRole.READ) as connection:
        failures = parked(connection, projection=of_gave.name)
        assert [each.position for each in retry(database, of_gave, failures, by="ada", catalogue=ledger.catalogue)] == [
            4
        ]
        trial = try_tally(connection, of_gave, ledger.catalogue)
    assert (trial.events, trial.faults) == (4, 1)
    ledger.then_counts(of_gave, counts)
