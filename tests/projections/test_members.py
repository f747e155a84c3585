"""What each event does to a member's two rows."""

import pytest

from temple_ledger.projections.members import ROLES, STATUS, Member, members
from temple_ledger.projections.testing.histories import (
    at,
    changed_tier,
    declined,
    ended,
    joined,
    left,
    marked_inactive,
    pledged,
    role_added,
    role_removed,
)
from temple_ledger.projections.testing.specification import Specification


@pytest.fixture
def spec() -> Specification[Member]:
    return Specification(members)


def then_roles(spec: Specification[Member], *expected: tuple[object, ...]) -> None:
    spec.then_rows("ada", ROLES.name, expected)


def then_status(spec: Specification[Member], *expected: object) -> None:
    """discord_joined_at, patreon_tier, total_roles_count, last_activity, status"""
    spec.then_rows("ada", STATUS.name, [expected])


def test_joining_makes_an_active_member(spec: Specification[Member]) -> None:
    spec.when(joined("ada", at(1)))
    then_status(spec, at(1), None, 0, at(1), "active")


def test_a_repeated_join_keeps_the_first_of_the_stay(spec: Specification[Member]) -> None:
    spec.given(joined("ada", at(1)))
    spec.when(joined("ada", at(2)))
    then_status(spec, at(1), None, 0, at(2), "active")


def test_leaving_ends_every_role_and_keeps_the_join(spec: Specification[Member]) -> None:
    spec.given(joined("ada", at(1)), role_added("ada", "Oracle", at(2)), role_added("ada", "Seeker", at(3)))
    spec.when(left("ada", at(4), reason="spam", by="mod"))
    then_roles(spec)
    then_status(spec, at(1), None, 0, at(4), "departed")


def test_a_join_after_a_leave_begins_a_new_stay(spec: Specification[Member]) -> None:
    spec.given(joined("ada", at(1)), left("ada", at(2)))
    spec.when(joined("ada", at(3)))
    then_status(spec, at(3), None, 0, at(3), "active")


def test_a_role_is_held_since_its_grant_by_whoever_granted_it(spec: Specification[Member]) -> None:
    spec.given(joined("ada", at(1)))
    spec.when(role_added("ada", "Oracle", at(2), by="mod"))
    then_roles(spec, ("Oracle", at(2), "mod"))
    then_status(spec, at(1), None, 1, at(2), "active")


def test_a_repeated_grant_moves_the_time_and_keeps_the_granter_unless_it_names_one(
    spec: Specification[Member],
) -> None:
    spec.given(role_added("ada", "Oracle", at(1), by="mod"))
    spec.when(role_added("ada", "Oracle", at(2)))
    then_roles(spec, ("Oracle", at(2), "mod"))
    spec.when(role_added("ada", "Oracle", at(3), by="bot"))
    then_roles(spec, ("Oracle", at(3), "bot"))


def test_a_removed_role_granted_again_without_a_name_has_no_granter(spec: Specification[Member]) -> None:
    spec.given(role_added("ada", "Oracle", at(1), by="mod"), role_removed("ada", "Oracle", at(2)))
    spec.when(role_added("ada", "Oracle", at(3)))
    then_roles(spec, ("Oracle", at(3), None))


def test_a_role_granted_to_a_departed_member_brings_them_back_since_when_is_unknown(
    spec: Specification[Member],
) -> None:
    spec.given(joined("ada", at(1)), left("ada", at(2)))
    spec.when(role_added("ada", "Oracle", at(3)))
    then_status(spec, None, None, 1, at(3), "active")


def test_a_removal_of_a_role_not_held_is_a_sign_of_life_all_the_same(spec: Specification[Member]) -> None:
    spec.given(joined("ada", at(1)), marked_inactive("ada", at(2)))
    spec.when(role_removed("ada", "Oracle", at(3)))
    then_status(spec, at(1), None, 0, at(3), "active")


def test_a_removal_does_not_bring_a_departed_member_back(spec: Specification[Member]) -> None:
    spec.given(joined("ada", at(1)), left("ada", at(2)))
    spec.when(role_removed("ada", "Oracle", at(3)), pledged("ada", "Gold", at(4)))
    then_status(spec, at(1), "Gold", 0, at(4), "departed")


@pytest.mark.parametrize("event", [pledged, changed_tier, declined, ended])
def test_the_tier_is_what_the_membership_says_whichever_the_action(spec: Specification[Member], event) -> None:  # type: ignore[no-untyped-def]
    spec.given(pledged("ada", "Silver", at(1)))
    spec.when(event("ada", "Gold", at(2)))
    then_status(spec, None, "Gold", 0, at(2), "active")
    spec.when(event("ada", None, at(3)))
    then_status(spec, None, None, 0, at(3), "active")


def test_marking_makes_an_active_member_inactive_and_is_no_activity(spec: Specification[Member]) -> None:
    spec.given(joined("ada", at(1)))
    spec.when(marked_inactive("ada", at(9)))
    then_status(spec, at(1), None, 0, at(1), "inactive")


def test_marking_a_departed_member_changes_nothing(spec: Specification[Member]) -> None:
    spec.given(joined("ada", at(1)), left("ada", at(2)))
    spec.when(marked_inactive("ada", at(3)))
    then_status(spec, at(1), None, 0, at(2), "departed")


def test_only_markings_make_an_inactive_member_without_activity(spec: Specification[Member]) -> None:
    spec.when(marked_inactive("ada", at(1)))
    then_status(spec, None, None, 0, None, "inactive")


def test_a_late_event_counts_where_it_happened(spec: Specification[Member]) -> None:
    spec.given(joined("ada", at(1)), role_added("ada", "Oracle", at(5)), role_removed("ada", "Oracle", at(6)))
    spec.when(left("ada", at(3)))
    then_roles(spec)
    then_status(spec, None, None, 0, at(6), "active")


def test_of_two_events_at_one_time_the_first_in_the_log_comes_first(spec: Specification[Member]) -> None:
    spec.when(role_added("ada", "Oracle", at(1)), role_removed("ada", "Oracle", at(1)))
    then_roles(spec)
    spec.when(role_added("ada", "Oracle", at(1)))
    then_roles(spec, ("Oracle", at(1), None))


def test_an_event_later_than_a_marking_alone_is_not_late_but_one_before_it_is(
    spec: Specification[Member],
) -> None:
    spec.given(joined("ada", at(1)), marked_inactive("ada", at(5)))
    spec.when(role_added("ada", "Oracle", at(3)))
    then_status(spec, at(1), None, 1, at(3), "inactive")


def test_other_members_are_not_touched(spec: Specification[Member]) -> None:
    spec.given(joined("bob", at(1)), role_added("bob", "Oracle", at(1)))
    spec.when(joined("ada", at(1)), left("ada", at(2)))
    spec.then_rows("bob", ROLES.name, [("Oracle", at(1), None)])
