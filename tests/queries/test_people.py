"""A difference is told in people."""

from typing import Any

from temple_ledger.infrastructure.queries.in_people import describe_in_people
from temple_ledger.infrastructure.queries.role_directory import NamedRole, RoleDirectory
from temple_ledger.projections.drift import Drift, DriftKind

DIRECTORY = RoleDirectory([NamedRole("1", "Oracle", False)])


def role_drift(user_id: str, kind: DriftKind, column: str | None = None) -> Drift:
    return Drift("members", kind, "discord_user_current_roles", user_id, {"role": "1"}, column, None, None)


def status_drift(user_id: str, column: str, stored: Any, folded: Any) -> Drift:
    return Drift("members", DriftKind.DIFFERENT, "temple_member_status", user_id, {}, column, stored, folded)


def test_stored_roles_that_the_log_does_not_have_are_lost_and_the_others_gained() -> None:
    drifts = [
        *(role_drift(str(number), DriftKind.TOO_MANY) for number in range(17)),
        *(role_drift(str(number), DriftKind.MISSING) for number in range(20, 23)),
        role_drift("40", DriftKind.DIFFERENT, "granted_at"),
    ]
    assert describe_in_people(drifts, DIRECTORY) == [
        "17 members lose Oracle",
        "3 members gain Oracle",
        "1 member keeps Oracle with another granted_at",
    ]


def test_a_change_of_status_or_tier_says_from_what_to_what() -> None:
    drifts = [
        status_drift("ada", "status", "departed", "active"),
        status_drift("bob", "status", "departed", "active"),
        status_drift("bob", "patreon_tier", None, "Gold"),
        status_drift("bob", "last_activity", 1, 2),
    ]
    assert describe_in_people(drifts, DIRECTORY) == [
        "2 members change status from departed to active",
        "1 member changes patreon_tier from none to Gold",
        "1 member changes last_activity",
    ]


def test_other_tables_are_told_by_their_rows() -> None:
    key = {"hour": "12", "event_type": "discord_join", "action": "joined", "source": "discord"}
    drift = Drift("activity", DriftKind.DIFFERENT, "webhook_activity_hourly", None, key, "events", 1, 2)
    assert describe_in_people([drift], DIRECTORY) == ["1 count of webhook_activity_hourly changes events"]
