"""What hangs on one order of all events, and lanes: whichever of the two is there, the other one is refused, on every
way in, with a sentence that has the way out."""

from copy import copy

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused, SchemaMismatch
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.ledger.ledger import Ledger
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.lanes import join, split
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.infrastructure.read_models.trigger_mode import disable, enable
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection
from tests.effects.builders import Record, sent, warned, warnings
from tests.lanes.halves import history

BOTH_HALVES = ("ada", "bo")
WAY_OUT = "first run: temple projection lanes {} --join --apply"


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database, projections=[members, activity, plain()])


def plain() -> MemberProjection[Record]:
    """The projection of a release that had no effects yet."""
    found = copy(warnings)
    found.effects = {}
    return found


def split_now(database: Database, projection: Projection) -> None:
    split(database, projection, by="ada", catalogue=CATALOGUE)


def run(database: Database, *projections: Projection, lanes: range = range(16)) -> Checkpoint:
    """And where the last of them stands."""
    with Wakeup(database) as wakeup:
        lease = Lease(lanes=lanes)
        Runner(database, projections, wakeup, catalogue=CATALOGUE, lease=lease).run(until_caught_up=True)
    with database.connect(DatabaseRole.READ) as connection:
        return read_checkpoints(connection)[projections[-1].key]


def test_a_tally_has_no_lanes_and_is_led_whole_beside_the_lanes_of_others(ledger: LedgerScenario) -> None:
    with pytest.raises(Refused, match="activity is a tally: what it counts belongs to no one member"):
        split_now(ledger.database, activity)
    split_now(ledger.database, members)
    (*_, last) = history(ledger)
    assert run(ledger.database, members, activity, lanes=range(8)).position == last
    run(ledger.database, members, activity, lanes=range(8, 16))
    ledger.then_verified()


def test_what_is_split_is_not_split_again(ledger: LedgerScenario) -> None:
    split_now(ledger.database, members)
    with pytest.raises(Refused, match="members is split already"):
        split_now(ledger.database, members)


def test_a_projection_with_effects_is_not_split(ledger: LedgerScenario) -> None:
    bring_up_to_date(ledger.database, [warnings])
    with pytest.raises(Refused, match="effective has effect every_change, effect notify_moderators, and a projection"):
        split_now(ledger.database, warnings)


def test_a_projection_that_is_split_gets_no_effects(ledger: LedgerScenario) -> None:
    split_now(ledger.database, plain())
    with pytest.raises(SchemaMismatch, match=WAY_OUT.format("effective@1")):
        bring_up_to_date(ledger.database, [warnings])
    join(ledger.database, plain(), by="ada", catalogue=CATALOGUE)
    bring_up_to_date(ledger.database, [warnings])


def test_lanes_split_by_a_process_without_the_effects_are_not_stepped_by_one_with_them(ledger: LedgerScenario) -> None:
    """It would raise none for what was folded in other lanes, and nobody would miss them."""
    bring_up_to_date(ledger.database, [warnings])
    split_now(ledger.database, plain())
    ledger.given(*(warned(each, 1) for each in BOTH_HALVES))
    stopped = run(ledger.database, warnings, lanes=range(8))
    assert stopped.state is ProjectionState.FAILED
    assert stopped.reason is not None
    assert WAY_OUT.format("effective") in stopped.reason
    assert (stopped.position, sent(ledger.database)) == (0, [])
    join(ledger.database, warnings, by="ada", catalogue=CATALOGUE)
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("update projection_checkpoint set state = 'running' where projection = 'effective'")
    run(ledger.database, warnings)
    assert [position for position, _ in sent(ledger.database)] == [1, 2]


def test_a_projection_whose_feed_somebody_reads_is_not_split(ledger: LedgerScenario) -> None:
    with Ledger(ledger.database.dsn, projections=[members], catalogue=CATALOGUE) as reading:
        with reading.changes("members", consumer="bot", follow=False) as feed:
            list(feed)
        with pytest.raises(Refused, match="members has a consumer of its feed, and a projection with such"):
            split_now(ledger.database, members)
        reading.forget_consumer("members", "bot")
    split_now(ledger.database, members)


def test_the_feed_of_a_projection_that_is_split_is_read_by_nobody(ledger: LedgerScenario) -> None:
    split_now(ledger.database, members)
    with Ledger(ledger.database.dsn, projections=[members], catalogue=CATALOGUE) as reading:
        feed = reading.changes("members", consumer="bot", follow=False)
        with pytest.raises(Refused, match=WAY_OUT.format("members")), feed:
            list(feed)
    with (
        ledger.database.connect(DatabaseRole.DELIVER) as connection,
        pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="is split into lanes, and has no feed"),
    ):
        connection.execute("select feed_register('members', 'bot')")


def test_the_trigger_maintains_nothing_that_is_split_and_what_it_maintains_is_not_split(ledger: LedgerScenario) -> None:
    split_now(ledger.database, members)
    with pytest.raises(Refused, match=WAY_OUT.format("members")):
        enable(ledger.database, by="ada", catalogue=CATALOGUE)
    join(ledger.database, members, by="ada", catalogue=CATALOGUE)
    enable(ledger.database, by="ada", catalogue=CATALOGUE)
    with pytest.raises(Refused, match="first run: temple trigger disable"):
        split_now(ledger.database, members)
    disable(ledger.database, by="ada")
    split_now(ledger.database, members)
