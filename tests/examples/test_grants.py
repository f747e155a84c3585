"""What docs/writing-a-projection.md promises to authors."""

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import ProjectionMisdeclared, SchemaMismatch
from temple_ledger.domain.events import RoleAdded
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.read_models.operations import parked, retry
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.versions.switch import switch
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.tally import Increments, Tally
from temple_ledger.projections.testing.histories import at, joined, role_added
from temple_ledger.projections.testing.specification import Specification
from temple_ledger.projections.values import ColumnType
from tests.examples.grants import GRANTS, Grants, grants, joins


def test_every_grant_counts() -> None:
    spec = Specification(grants)
    spec.given(role_added("ada", "Oracle", at(1)))
    spec.when(role_added("ada", "Oracle", at(2)))
    spec.then_rows("ada", "example_grants", [("Oracle", 2, at(2))])


@pytest.mark.parametrize("batch", [1, 2, 1_000])
def test_rows_are_stored_whatever_the_batches(database: Database, batch: int) -> None:
    ledger = LedgerScenario(database, projections=[grants, joins], batch=batch)
    ledger.given(joined("ada", at(0)), role_added("ada", "Oracle", at(5)), role_added("ada", "Seeker", at(4)))
    ledger.when(role_added("ada", "Oracle", at(3)), role_added("bob", "Oracle", at(1)))
    ledger.then_rows(grants, GRANTS.name, "ada", [("Oracle", 2, at(5)), ("Seeker", 1, at(4))])


def test_rows_of_another_version_are_seen_once_it_has_the_names(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[grants])
    ledger.given(role_added("ada", "Oracle", at(1)), role_added("ada", "Oracle", at(2)))
    ledger.catch_up()
    newer = _once_is_enough()
    with pytest.raises(SchemaMismatch, match="temple db migrate"):
        verify(database, newer, catalogue=CATALOGUE)
    with pytest.raises(SchemaMismatch, match="temple db migrate"):
        rebuild(database, newer, catalogue=CATALOGUE, by="ada")
    with pytest.raises(AssertionError, match="needs replay"):
        LedgerScenario(database, projections=[newer]).catch_up()
    assert rebuild(database, newer, catalogue=CATALOGUE, by="ada") is not None
    assert verify(database, grants, catalogue=CATALOGUE).ok
    assert verify(database, newer, catalogue=CATALOGUE).ok
    assert ledger.rows(grants, GRANTS.name, "ada") == [("Oracle", 2, at(2))]
    switch(database, grants.name, newer.version, by="ada")
    assert ledger.rows(newer, GRANTS.name, "ada") == [("Oracle", 1, at(2))]


def test_a_table_of_that_name_with_another_shape_is_refused(database: Database) -> None:
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("create table example_grants (user_id varchar(100), role text, times integer)")
    with pytest.raises(SchemaMismatch, match="example_grants"):
        bring_up_to_date(database, [grants])


@pytest.mark.parametrize("name", ['x"; drop', "Members", "", "a" * 64])
def test_names_that_are_no_names_are_refused(name: str) -> None:
    with pytest.raises(ProjectionMisdeclared):
        MemberProjection(
            name,
            version=1,
            tables=(GRANTS,),
            initial=lambda: Grants({}),
            rows=grants.rows_of,
            state=grants.state_of,
        )
    with pytest.raises(ProjectionMisdeclared):
        Table(name, columns=(Column("times", ColumnType.INTEGER),))


def test_a_value_that_no_column_holds_parks_the_member(database: Database) -> None:
    narrow = _narrow()
    ledger = LedgerScenario(database, projections=[narrow])
    _, second = ledger.when(role_added("ada", "Oracle", at(1)), role_added("ada", "A very long name", at(2)))
    ledger.then_parked(narrow, "ada", second, "at most 10 fit")
    ledger.then_rows(narrow, "example_narrow", "ada", [("Oracle",)])
    assert verify(database, narrow, catalogue=CATALOGUE).parked == 1


def _once_is_enough() -> MemberProjection[Grants]:
    newer = MemberProjection(
        "grants",
        version=2,
        tables=(GRANTS,),
        initial=lambda: Grants({}),
        rows=grants.rows_of,
        state=grants.state_of,
    )
    newer.on(RoleAdded)(lambda before, event: Grants({**before.by_role, event.role: (1, event.occurred_at)}))
    return newer


def _narrow() -> MemberProjection[tuple[str, ...]]:
    table = Table("example_narrow", columns=(Column("role", ColumnType.TEXT, length=10),), key=("role",))
    narrow = MemberProjection(
        "narrow",
        version=1,
        tables=(table,),
        initial=tuple[str, ...],
        rows=lambda roles: {table.name: [(role,) for role in roles]},
        state=lambda rows: tuple(role for (role,) in rows.get(table.name, ())),
    )
    narrow.on(RoleAdded)(lambda roles, event: (*roles, event.role))
    return narrow


def test_a_checkpoint_set_back_counts_nothing_twice(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[grants, joins])
    ledger.given(role_added("ada", "Oracle", at(1)), role_added("bob", "Oracle", at(2)))
    ledger.catch_up()
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("update projection_checkpoint set position = position - 1, passed = passed - 1")
    ledger.then_rows(grants, GRANTS.name, "bob", [("Oracle", 1, at(2))])


def test_a_parked_event_of_a_tally_is_counted_once_however_it_is_freed(database: Database) -> None:
    strict = _strict()
    ledger = LedgerScenario(database, projections=[strict])
    ledger.when(role_added("ada", "Oracle", at(1)), role_added("ada", "bad", at(2)))
    ledger.catch_up()
    ledger.then_verified()
    with database.connect(DatabaseRole.READ) as connection:
        failures = parked(connection, projection="strict")
    mended = _strict(bad="")
    assert verify(database, mended, catalogue=CATALOGUE).ok, "a parked event is no drift"
    assert retry(database, mended, failures, catalogue=CATALOGUE, by="ada") == []
    assert retry(database, mended, failures, catalogue=CATALOGUE, by="ada") == []
    with database.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select role, times from example_strict order by role").fetchall() == [
            ("Oracle", 1),
            ("bad", 1),
        ]


def _strict(bad: str = "bad") -> Tally:
    def count(event: Recorded) -> Increments:
        if event.target == bad:
            raise ValueError("not this one")
        return {(event.target,): 1}

    table = Table(
        "example_strict",
        columns=(Column("role", ColumnType.TEXT, length=100), Column("times", ColumnType.BIGINT)),
        key=("role",),
    )
    return Tally("strict", version=1, table=table, count=count)
