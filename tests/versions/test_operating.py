"""What people do about a projection that has two versions."""

from collections.abc import Callable
from typing import Any

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused, UnknownName
from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.read_models.operations import parked, skip
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.retraction import Selection, retract
from temple_ledger.infrastructure.read_models.versions.compare import VersionDifference, compare_versions
from temple_ledger.infrastructure.read_models.versions.drop import drop
from temple_ledger.infrastructure.read_models.versions.stored import stored_versions
from temple_ledger.infrastructure.read_models.versions.switch import switch
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.drift import Drift
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.testing.histories import at, role_added, stored_row
from tests.versions.conftest import Rows, all_agree, run
from tests.versions.standing import first, second

Query = Callable[..., Rows]


def compared(ledger: LedgerScenario) -> tuple[VersionDifference, list[Drift]]:
    found: list[Drift] = []
    with snapshot(ledger.database) as connection:
        versions = stored_versions(connection, "standing")
        difference = compare_versions(connection, second, versions.of(1), versions.of(2), found.append)
    return difference, found


def test_comparing_names_members_and_columns(beside: LedgerScenario) -> None:
    difference, drifts = compared(beside)
    assert (difference.members, difference.changed, difference.changes) == (2, {"bob"}, 1)
    assert [(each.user_id, each.kind.value) for each in drifts] == [("bob", "row too many")]
    assert difference.notes == [
        "column standing.grants becomes bigint, it was integer",
        "column standing.last is new",
    ]


def test_members_with_events_that_one_of_them_has_not_folded_are_not_compared(beside: LedgerScenario) -> None:
    beside.given(role_added("ada", "Keeper", at(4)), role_added("carol", "Keeper", at(4)))
    run(beside.database, first)
    difference, drifts = compared(beside)
    assert (difference.moving, difference.changed, len(drifts)) == (2, {"bob"}, 1)


def test_a_version_that_is_dropped_is_gone_and_comes_not_back(beside: LedgerScenario, query: Query) -> None:
    switch(beside.database, "standing", 2, by="ada")
    drop(beside.database, first.key, by="ada", reason="nobody reads it")
    assert query("select relname from pg_class where relkind in ('r', 'v') and relname ~ 'standing.*(@1|_v1)'") == []
    for table in ("projection_checkpoint", "projection_frontier", "projection_lease"):
        assert query(f"select distinct version from {table} where projection = 'standing'") in ([(2,)], [])
    assert bring_up_to_date(beside.database, [first, second]).tables == ()
    beside.given(role_added("ada", "Keeper", at(4)))
    run(beside.database, first, second)
    assert query("select * from standing") == [("ada", 3, "Keeper")]


def test_the_version_that_readers_see_is_not_dropped(beside: LedgerScenario) -> None:
    with pytest.raises(Refused, match="first run: temple projection switch standing --to 2"):
        drop(beside.database, first.key, by="ada")


def test_the_only_version_is_dropped_once_its_package_is_gone(ledger: LedgerScenario, query: Query) -> None:
    with pytest.raises(Refused, match="readers see version 1 of standing, which is installed here; first uninstall it"):
        drop(ledger.database, first.key, by="ada", installed=["standing"])
    before = query("select * from standing order by 1")
    drop(ledger.database, first.key, by="ada")
    assert query("select relname from pg_class where relkind in ('r', 'v', 'i') and relname ~ 'standing'") == []
    assert query("select 1 from projection_checkpoint where projection = 'standing'") == []
    # installed again, it begins anew
    bring_up_to_date(ledger.database, [first])
    run(ledger.database, first)
    assert query("select * from standing order by 1") == before != []


def test_what_somebody_made_of_its_tables_refuses_the_drop(beside: LedgerScenario, query: Query) -> None:
    query('create view older as select * from "standing@2"', DatabaseRole.OWNER)
    with pytest.raises(Refused, match=r"nothing was dropped: view older depends on .*drop that first"):
        drop(beside.database, second.key, by="ada")
    assert query('select * from "standing@2"') == [("ada", 2, "Seeker")]


def test_an_unknown_version_is_not_dropped(beside: LedgerScenario) -> None:
    with pytest.raises(UnknownName):
        drop(beside.database, second.key._replace(version=7), by="ada")


def test_a_skip_holds_for_all_versions(ledger: LedgerScenario, query: Query) -> None:
    bring_up_to_date(ledger.database, [first, second])
    # of a version that nobody knows, with a good one behind it
    broken = stored_row("discord_role_change/added", "ada", at(4), target="Keeper", version=99)
    position, _ = ledger.given(broken, role_added("ada", "Keeper", at(5)))
    rebuild(ledger.database, second, catalogue=CATALOGUE, by="ada")
    run(ledger.database, first, second)
    with snapshot(ledger.database) as connection:
        failures = parked(connection)
    assert [(each.projection, each.version, each.position) for each in failures] == [
        ("standing", 1, position),
        ("standing", 2, position),
    ]
    again = skip(
        ledger.database, first, failures[0], by="ada", reason="a broken bot", catalogue=CATALOGUE, others=[second]
    )
    assert again == []
    assert query("select count(*) from projection_failure") == [(0,)]
    assert all_agree(ledger.database, first, second)


def test_a_retraction_holds_for_all_versions(beside: LedgerScenario, query: Query) -> None:
    (position,) = beside.given(role_added("ada", "Keeper", at(4)))
    run(beside.database, first, second)
    retract(
        beside.database,
        Selection(positions=PositionSet.of([position])),
        [first, second],
        CATALOGUE,
        reason="never happened",
        by="ada",
    )
    assert query("select grants from standing where user_id = 'ada'") == [(2,)]
    assert query('select grants, last from "standing@2"') == [(2, "Seeker")]
    assert all_agree(beside.database, first, second)


def test_processed_at_is_the_first_folding_by_any_version(beside: LedgerScenario, query: Query) -> None:
    """Asked of `members`, whose journal is that of several versions as any other's."""
    query(
        "insert into projection_batch (projection, version, last_position, events, committed_at) values "
        "('members', 1, 100, 100, '2026-01-02Z'), ('members', 2, 3, 3, '2026-01-01Z'), "
        "('members', 2, 100, 97, '2026-01-03Z')",
        DatabaseRole.PROJECT,
    )
    found = query("select processed_at::date::text from webhook_audit_trail order by id")
    assert found[:4] == [("2026-01-01",), ("2026-01-01",), ("2026-01-01",), ("2026-01-02",)]


def renamed() -> MemberProjection[Any]:
    return MemberProjection(
        "renamed", version=1, tables=first.tables, initial=first.initial, rows=first.rows_of, state=first.state_of
    )


def test_a_projection_takes_no_table_of_another_one_that_is_stored_here(ledger: LedgerScenario, query: Query) -> None:
    bring_up_to_date(ledger.database, [first])
    wanted = bring_up_to_date(ledger.database, [renamed()], goes_on=True)
    [(projection, reason)] = wanted.refused
    assert (projection, wanted.tables) == ("renamed@1", ())
    assert "table standing of projection renamed is that of projection standing: give it another name" in reason
    assert reason.endswith("was called before, first run: temple projection drop standing@1 --apply")
    drop(ledger.database, first.key, by="ada")
    assert bring_up_to_date(ledger.database, [renamed()], goes_on=True).refused == ()
    assert query("select projection from projection_checkpoint where projection in ('standing', 'renamed')") == [
        ("renamed",)
    ]


def test_what_two_projections_share_since_before_that_was_refused_stays_with_the_other_one(
    ledger: LedgerScenario, query: Query
) -> None:
    bring_up_to_date(ledger.database, [first])
    with ledger.database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("update projection_checkpoint set projection = 'before' where projection = 'standing'")
    with ledger.database.connect(DatabaseRole.OWNER) as connection:
        connection.execute(
            "insert into projection_checkpoint (projection, version, lane, active, tables) "
            "select 'standing', version, lane, active, tables from projection_checkpoint where projection = 'before'"
        )
    drop(ledger.database, first.key._replace(name="before"), by="ada")
    assert query("select to_regclass('standing') is not null") == [(True,)]
