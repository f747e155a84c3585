"""Drift is a difference of rows, whatever order they come in."""

from temple_ledger.projections.drift import DriftKind, member_drift
from temple_ledger.projections.members import ROLES, STATUS, members
from temple_ledger.projections.tables import Rows
from temple_ledger.projections.testing.histories import at

MANY: Rows = {ROLES.name: [("Oracle", at(1), None), ("Acolyte", at(2), "mod")]}


def test_rows_in_another_order_are_no_drift() -> None:
    other: Rows = {ROLES.name: tuple(reversed(MANY[ROLES.name])), STATUS.name: ()}
    assert list(member_drift(members.name, members.tables, "ada", MANY, other)) == []


def test_a_value_and_a_row_are_named() -> None:
    folded: Rows = {ROLES.name: [("Oracle", at(1), "mod")]}
    drifts = member_drift(members.name, members.tables, "ada", MANY, folded)
    found = [(drift.kind, drift.key, drift.column) for drift in drifts]
    assert found == [
        (DriftKind.TOO_MANY, {"role": "Acolyte"}, None),
        (DriftKind.DIFFERENT, {"role": "Oracle"}, "granted_by"),
    ]
