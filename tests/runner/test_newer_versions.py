"""Whoever was parked for an event of tomorrow is folded by the process that knows it: in a replay, since it reads the
events of today otherwise."""

from collections.abc import Sequence
from typing import ClassVar
from uuid import uuid4

import pytest

from temple_ledger import Column, ColumnType, Event, MemberProjection, Table
from temple_ledger.domain.catalogue import CATALOGUE, Catalogue, EventType, Shape
from temple_ledger.domain.log_entry import entry_of_event
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.operations import Parked, parked
from temple_ledger.infrastructure.read_models.rebuild.apply import Limit
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at


class Waved(Event):
    metadata_fields: ClassVar[tuple[str, ...]] = ("times",)

    times: int = 1


def _as_before(shape: Shape) -> Shape:
    return shape


TODAY = CATALOGUE.extended([EventType("test", "waved", Waved)])
TOMORROW = CATALOGUE.extended([EventType("test", "waved", Waved, version=2, upcasters={1: _as_before})])
TABLE = Table("waves", columns=(Column("times", ColumnType.INTEGER),), key=())
waves = MemberProjection(
    "waves",
    version=1,
    tables=(TABLE,),
    initial=int,
    rows=lambda times: {TABLE.name: [(times,)]},
    state=lambda rows: rows[TABLE.name][0][0] if rows.get(TABLE.name) else 0,
)


@waves.on(Waved)
def _(times: int, event: Waved) -> int:
    return times + event.times


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database, projections=[waves], catalogue=TODAY)


def wave(ledger: LedgerScenario, catalogue: Catalogue, times: int, hours: int) -> None:
    event = Waved(user_id="ada", occurred_at=at(hours), source="test", times=times)
    ledger.append([entry_of_event(event, event_id=uuid4(), catalogue=catalogue)])


def run(ledger: LedgerScenario, catalogue: Catalogue) -> Sequence[Parked]:
    with Wakeup(ledger.database) as wakeup:
        Runner(ledger.database, [waves], wakeup, catalogue=catalogue).run(until_caught_up=True)
    with ledger.database.connect(DatabaseRole.READ) as connection:
        return parked(connection, projection="waves")


def test_a_process_that_knows_the_version_asks_for_a_replay_which_folds_them(ledger: LedgerScenario) -> None:
    wave(ledger, TODAY, 1, hours=1)
    wave(ledger, TOMORROW, 2, hours=2)
    wave(ledger, TODAY, 4, hours=3)
    (failure,) = run(ledger, TODAY)
    assert (failure.position, failure.kind) == (2, "version")
    assert ledger.rows(waves, TABLE.name, "ada") == [(1,)]
    assert run(ledger, TOMORROW) == [failure]
    found = verify(ledger.database, waves, catalogue=TOMORROW)
    assert found.unverified is not None
    assert "test/waved: version 2, it was 1" in found.unverified
    rebuild(ledger.database, waves, by="ada", catalogue=TOMORROW, limit=Limit(None))
    assert run(ledger, TOMORROW) == []
    assert ledger.rows(waves, TABLE.name, "ada") == [(7,)]
    ledger.catalogue = TOMORROW
    ledger.then_verified()


def test_a_process_of_yesterday_is_to_be_updated_and_folds_nothing(ledger: LedgerScenario) -> None:
    wave(ledger, TOMORROW, 2, hours=1)
    run(ledger, TOMORROW)
    wave(ledger, TODAY, 4, hours=2)
    run(ledger, TODAY)
    assert ledger.rows(waves, TABLE.name, "ada") == [(2,)]
    found = verify(ledger.database, waves, catalogue=TODAY)
    assert found.unverified is not None
    assert found.unverified.endswith("update this one")
    run(ledger, TOMORROW)
    assert ledger.rows(waves, TABLE.name, "ada") == [(6,)]


def test_a_process_that_does_not_know_it_either_leaves_them(ledger: LedgerScenario) -> None:
    wave(ledger, TOMORROW, 2, hours=2)
    run(ledger, TODAY)
    (failure,) = run(ledger, TODAY)
    assert failure.attempts == 1
