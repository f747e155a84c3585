"""A replay of a split projection that is put in place a sixteenth of the members at a time, and killed there."""

import os
import signal

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.rebuild import by_lanes
from temple_ledger.infrastructure.read_models.rebuild.apply import Limit
from temple_ledger.infrastructure.read_models.rebuild.ended_early import ended_early
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.infrastructure.read_models.rebuild.rebuild_left import rebuild_left
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.members import members
from tests.killed import run_killed
from tests.lanes.halves import agrees, halves, history, split_members, standing
from tests.queries.builders import altered

ALTERED = "update temple_member_status set patreon_tier = 'Forged'"


@pytest.fixture(autouse=True)
def _any_change_is_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_lanes, "MOST_AT_ONCE", 0)


def test_one_that_was_killed_goes_on_beside_lanes_that_were_stepped_meanwhile(database: Database) -> None:
    split_members(database)
    ledger = LedgerScenario(database)
    history(ledger)
    with halves(database) as (low, high):
        low.step()
        high.step()
        altered(database, ALTERED)

        def kill(lanes: int) -> None:
            if lanes == 7:
                os.kill(os.getpid(), signal.SIGKILL)

        def replay() -> None:
            with Rebuild(database, members, catalogue=CATALOGUE) as rebuild:
                rebuild.fold()
                rebuild.apply(rebuild.compare(), by="ada", limit=Limit(None), in_place=kill)

        assert run_killed(replay, at=10_000, moment="after")
        history(ledger, 1)
        low.step()
        assert standing(database).is_apart
        with database.connect(DatabaseRole.READ) as connection:
            (begun,) = ended_early(connection)
        assert (begun.lanes, begun.key) == (7, members.key)
        with rebuild_left(database, members, CATALOGUE, begun) as rebuild:
            rebuild.fold()
            rebuild.apply(rebuild.compare(), by=begun.by, limit=begun.limit, reason=begun.reason)
        assert agrees(database)
        (*_, last) = history(ledger, 2)
        low.step()
        high.step()
    assert standing(database).lanes == (last,) * 16
    assert agrees(database)
