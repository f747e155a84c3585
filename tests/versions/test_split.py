"""A version that is split into lanes, beside one that is not."""

from collections.abc import Callable

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.read_models.lanes import split
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.versions.drop import drop
from temple_ledger.infrastructure.read_models.versions.switch import switch
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, role_added
from tests.lanes.halves import halves
from tests.versions.conftest import Rows, all_agree, run
from tests.versions.standing import first, second

Query = Callable[..., Rows]
LANES = "select version, count(*), max(position) from projection_lane group by version order by version"


def test_a_higher_version_is_made_beside_one_that_is_split_and_is_not_split(
    ledger: LedgerScenario, query: Query
) -> None:
    split(ledger.database, first, by="ada", catalogue=CATALOGUE)
    with halves(ledger.database, first) as (low, _):
        ledger.given(role_added("bo", "Keeper", at(4)), role_added("ada", "Keeper", at(4)))
        low.step()
        bring_up_to_date(ledger.database, [first, second])
        rebuild(ledger.database, second, catalogue=CATALOGUE, by="ada")
        assert all_agree(ledger.database, first, second)
        assert query(LANES) == [(1, 16, 8)]
        assert query("select version, split from projection_checkpoint where projection = 'standing' order by 1") == [
            (1, True),
            (2, False),
        ]


def test_readers_go_back_behind_no_lane(beside: LedgerScenario, query: Query) -> None:
    """Who is in the first lane would lose what everybody has seen of them."""
    split(beside.database, first, by="ada", catalogue=CATALOGUE)
    beside.given(role_added("ada", "Keeper", at(4)), role_added("bo", "Keeper", at(4)))
    with halves(beside.database, first) as (low, high):
        low.step()
        assert query("select position from projection_checkpoint where projection = 'standing'") == [(6,), (6,)]
        with pytest.raises(Refused, match="stands 2 positions behind the version that readers see"):
            switch(beside.database, "standing", 2, by="ada", patience_seconds=0)
        run(beside.database, second)
        switch(beside.database, "standing", 2, by="ada")
        # its steps know the tables under their new names
        high.step()
    assert query("select user_id, grants from standing order by 1") == [("ada", 3), ("bo", 1)]
    assert query('select user_id, grants from "standing@1" order by 1') == [("ada", 3), ("bo", 1), ("bob", 1)]
    assert all_agree(beside.database, first, second)


def test_a_version_that_is_split_gets_the_names_and_stays_split(beside: LedgerScenario, query: Query) -> None:
    split(beside.database, second, by="ada", catalogue=CATALOGUE)
    beside.given(role_added("ada", "Keeper", at(4)), role_added("bo", "Keeper", at(4)))
    with halves(beside.database, second) as (low, high):
        low.step()
        switch(beside.database, "standing", 2, by="ada")
        high.step()
    assert query("select user_id, grants from standing order by 1") == [("ada", 3), ("bo", 1)]
    run(beside.database, first, second)
    assert all_agree(beside.database, first, second)


def test_with_a_version_that_is_dropped_its_lanes_go(beside: LedgerScenario, query: Query) -> None:
    split(beside.database, first, by="ada", catalogue=CATALOGUE)
    switch(beside.database, "standing", 2, by="ada")
    with halves(beside.database, first):
        drop(beside.database, first.key, by="ada")
    assert query(LANES) == []
    assert query("select version from projection_lease where projection = 'standing'") == []
    run(beside.database, second)
    assert all_agree(beside.database, second)
