"""A verify from beginning to end: few connections, one snapshot, and a report whatever can be stored."""

from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.verification.reconcile import reconcile
from temple_ledger.infrastructure.read_models.verification.report import Verifier
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined, role_added


@dataclass(frozen=True)
class CountedDatabase(Database):
    """Lists the roles that it was connected as."""

    connected: list[DatabaseRole] = field(default_factory=list)

    def connect(self, role: DatabaseRole, **options: Any) -> psycopg.Connection:
        self.connected.append(role)
        return super().connect(role, **options)


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(joined("ada", at(1)), role_added("ada", "Oracle", at(2), by="eve"))
    found.catch_up()
    return found


@pytest.fixture
def counted(ledger: LedgerScenario) -> CountedDatabase:
    return CountedDatabase(ledger.database.dsn)


def alter(database: Database, statement: str, role: DatabaseRole = DatabaseRole.PROJECT) -> None:
    with database.connect(role) as connection:
        connection.execute(statement.encode())


DRIFT = "update discord_user_current_roles set granted_by = 'x'"


def test_full_verifies_of_all_projections_share_three_connections(
    ledger: LedgerScenario, counted: CountedDatabase
) -> None:
    alter(ledger.database, DRIFT)
    with Verifier(counted, catalogue=CATALOGUE) as verifier:
        for _ in range(2):
            for projection in BUILT_IN:
                verifier.full(projection, explained=20)
        assert verifier.ask(lambda connection: connection.execute("select 1").fetchone()) == (1,)
    assert sorted(counted.connected) == [DatabaseRole.PROJECT, DatabaseRole.READ, DatabaseRole.READ]


def test_quick_verifies_of_all_projections_share_three_connections(counted: CountedDatabase) -> None:
    with Verifier(counted, catalogue=CATALOGUE) as verifier:
        for projection in BUILT_IN:
            verifier.since_last(projection)
    assert sorted(counted.connected) == [DatabaseRole.PROJECT, DatabaseRole.READ, DatabaseRole.READ]


def test_a_reconciliation_adds_connections_for_the_proof_and_two_for_each_repair(
    ledger: LedgerScenario, counted: CountedDatabase
) -> None:
    alter(ledger.database, DRIFT)
    assert reconcile(counted, BUILT_IN, full=True, by="ada", catalogue=CATALOGUE).repaired == 1
    # one seals; two compare the log with its seals, and one notes how far; then one holds appends for a moment, to set
    # the sequence above all that is known, and one repairs
    assert len(counted.connected) == 3 + 1 + 3 + 2


def test_the_events_behind_a_difference_are_those_of_the_snapshot_it_was_found_in(ledger: LedgerScenario) -> None:
    alter(ledger.database, DRIFT)

    def skipped_meanwhile(_: int) -> None:
        alter(
            ledger.database,
            "insert into skipped_position (projection, position, user_id, skipped_by, reason)"
            " values ('members', 2, 'ada', 'eve', 'a test') on conflict do nothing",
        )

    with Verifier(ledger.database, catalogue=CATALOGUE) as verifier:
        report = verifier.full(members, explained=20, progress=skipped_meanwhile)
    assert [[event.position for event in events] for events in report.events] == [[2]]


def test_between_two_verifies_nothing_is_held_open(ledger: LedgerScenario) -> None:
    """A repair comes there, and the second one sees it."""
    alter(ledger.database, DRIFT)
    with Verifier(ledger.database, catalogue=CATALOGUE) as verifier:
        assert verifier.full(members).verified.drifts == 1
        alter(ledger.database, "update discord_user_current_roles set granted_by = 'eve'")
        assert verifier.full(members).agrees
        with ledger.database.connect(DatabaseRole.LOGIN) as connection:
            states = connection.execute(
                "select state from pg_stat_activity where application_name = 'temple verify' and datname ="
                " current_database()"
            ).fetchall()
    assert states == [("idle",)] * 3


def test_a_result_that_cannot_be_stored_is_a_report_all_the_same(ledger: LedgerScenario) -> None:
    alter(ledger.database, "revoke insert on verification from temple_project", DatabaseRole.OWNER)
    with Verifier(ledger.database, catalogue=CATALOGUE) as verifier:
        report = verifier.full(members)
    assert (report.agrees, report.number) == (True, None)
    assert "permission denied for table verification" in str(report.not_stored)
