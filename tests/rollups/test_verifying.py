"""A rollup that is not the group-by of its source is found, by every verify, and put right."""

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.rollups import rollup_drift, rollup_rows
from temple_ledger.infrastructure.observability.doctor.projections import check_projections
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.reconcile import reconcile
from temple_ledger.infrastructure.read_models.verification.repair import repair
from temple_ledger.infrastructure.read_models.verification.report import Verifier
from temple_ledger.infrastructure.read_models.verification.result import Verified
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.drift import DriftKind
from temple_ledger.projections.members import members, role_headcount
from temple_ledger.projections.testing.histories import at, role_added


@pytest.fixture
def wrong(database: Database) -> Database:
    """One key counts too many, one is missing, one has no rows."""
    ledger = LedgerScenario(database)
    ledger.given(
        role_added("ada", "Oracle", at(1)), role_added("bob", "Seer", at(1)), role_added("bob", "Oracle", at(1))
    )
    ledger.catch_up()
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("update rollup_role_headcount_v1 set rollup_rows = 7 where role = 'Oracle'")
        connection.execute("delete from rollup_role_headcount_v1 where role = 'Seer'")
        connection.execute("insert into rollup_role_headcount_v1 values ('Nobody', -1, 1)")
    return database


def found(database: Database) -> Verified:
    return verify(database, members, catalogue=CATALOGUE)


def test_a_full_verify_names_each_key_with_both_numbers(wrong: Database) -> None:
    verified = found(wrong)
    assert (verified.ok, verified.drifts, verified.drifted_keys, verified.drifted_members) == (False, 3, 3, 0)
    assert [(each.table, each.key, each.kind, each.stored, each.folded) for each in verified.listed] == [
        ("role_headcount", {"role": "Nobody"}, DriftKind.TOO_MANY, {"members": 1}, None),
        ("role_headcount", {"role": "Oracle"}, DriftKind.DIFFERENT, 7, 2),
        ("role_headcount", {"role": "Seer"}, DriftKind.MISSING, None, {"members": 1}),
    ]


def test_one_since_the_last_verify_does_too_and_the_next_one_goes_on(wrong: Database) -> None:
    with Verifier(wrong, catalogue=CATALOGUE) as verifier:
        for _ in range(2):
            report = verifier.since_last(members, explained=5)
            assert (report.verified.drifts, report.verified.members, report.verified.drifted) == (3, 2, [])
            assert [len(each) for each in report.events] == [0, 0, 0]


def test_a_repair_fills_it_anew_and_enters_that_in_the_journal(wrong: Database) -> None:
    repaired = repair(wrong, members, found(wrong), by="ada", reason="test", catalogue=CATALOGUE)
    assert (repaired.rollups, repaired.members, repaired.operation) == (["role_headcount"], 0, 1)
    assert found(wrong).ok
    with wrong.connect(DatabaseRole.READ) as connection:
        assert sorted(rollup_rows(connection, role_headcount)) == [("Oracle", 2), ("Seer", 1)]
        details = connection.execute("select details -> 'rollups' from ledger_operation").fetchone()
    assert details == (["role_headcount"],)


def test_the_reconciliation_puts_it_right_by_itself(wrong: Database) -> None:
    result = reconcile(wrong, [members], by="ada", catalogue=CATALOGUE)
    assert (result.issues, result.left, result.sentences) == (3, 0, [])


def test_one_that_nobody_keeps_is_not_filled_and_the_doctor_names_it(wrong: Database) -> None:
    with wrong.connect(DatabaseRole.OWNER) as connection:
        connection.execute("drop trigger rollup_role_headcount_v1_delete on discord_user_current_roles")
    with pytest.raises(Refused, match=r"role_headcount is kept no more.*temple db migrate"):
        repair(wrong, members, found(wrong), by="ada", reason="test", catalogue=CATALOGUE)
    checks = {each.check: each for each in check_projections(wrong)}
    assert "db migrate" in (checks["rollup role_headcount"].advice or "")
    assert "rollups" not in checks


def test_rows_that_were_planted_are_counted_until_they_are_mended(database: Database) -> None:
    LedgerScenario(database).catch_up()
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(
            "insert into discord_user_current_roles (user_id, role, granted_at) values ('eve', 'Oracle', now())"
        )
        verified = found(database)
        assert (verified.drifted, verified.drifted_keys) == (["eve"], 0)
        repair(database, members, verified, by="ada", reason="test", catalogue=CATALOGUE)
        assert rollup_rows(connection, role_headcount) == []
        assert list(rollup_drift(connection, role_headcount)) == []
