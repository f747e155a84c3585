"""The rules of `role_periods`: when a period begins, what moves it, and what ends it."""

from datetime import datetime
from typing import Any

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.projections.role_periods import CHUNK, ROLE_PERIODS, RolePeriods, role_periods
from temple_ledger.projections.testing.histories import at, joined, left, role_added, role_removed
from temple_ledger.projections.testing.specification import Specification


@pytest.fixture
def spec() -> Specification[RolePeriods]:
    return Specification(role_periods, CATALOGUE)


def period(
    began: int,
    role: str,
    since: datetime,
    *,
    until: tuple[int, datetime, str] | None = None,
    by: str | None = None,
    ended_by: str | None = None,
    granted_at: datetime | None = None,
    grants: int = 1,
) -> tuple[Any, ...]:
    """*until*: the position, time and kind of the end."""
    position, when, ending = until or (None, None, None)
    return (began, role, since, when, granted_at or since, by, grants, position, ended_by, ending)


def test_a_grant_begins_a_period_and_a_removal_ends_it(spec: Specification[RolePeriods]) -> None:
    spec.given(joined("ada"), role_added("ada", "Oracle", at(1), by="eve"))
    spec.then_rows("ada", ROLE_PERIODS.name, [period(2, "Oracle", at(1), by="eve")])
    spec.when(role_removed("ada", "Oracle", at(2), by="mod"))
    spec.then_rows(
        "ada", ROLE_PERIODS.name, [period(2, "Oracle", at(1), by="eve", until=(3, at(2), "removed"), ended_by="mod")]
    )


def test_a_repeated_grant_moves_granted_at_and_begins_no_period(spec: Specification[RolePeriods]) -> None:
    spec.given(role_added("ada", "Oracle", at(1), by="eve"), role_added("ada", "Oracle", at(2)))
    spec.then_rows("ada", ROLE_PERIODS.name, [period(1, "Oracle", at(1), by="eve", granted_at=at(2), grants=2)])
    spec.when(role_added("ada", "Oracle", at(3), by="mod"))
    spec.then_rows("ada", ROLE_PERIODS.name, [period(1, "Oracle", at(1), by="mod", granted_at=at(3), grants=3)])


def test_a_grant_after_the_end_begins_a_new_period_also_in_the_same_moment(spec: Specification[RolePeriods]) -> None:
    spec.given(role_added("ada", "Oracle", at(1)), role_removed("ada", "Oracle", at(1)))
    spec.when(role_added("ada", "Oracle", at(1)))
    spec.then_rows(
        "ada",
        ROLE_PERIODS.name,
        [period(1, "Oracle", at(1), until=(2, at(1), "removed")), period(3, "Oracle", at(1))],
    )


def test_leaving_ends_every_period_and_names_who_made_the_member_leave(spec: Specification[RolePeriods]) -> None:
    spec.given(role_added("ada", "Oracle", at(1)), role_added("ada", "Seeker", at(2)))
    spec.when(left("ada", at(3), by="mod"))
    end = (3, at(3), "left")
    spec.then_rows(
        "ada",
        ROLE_PERIODS.name,
        [
            period(1, "Oracle", at(1), until=end, ended_by="mod"),
            period(2, "Seeker", at(2), until=end, ended_by="mod"),
        ],
    )


def test_a_role_that_was_deleted_ends_so(spec: Specification[RolePeriods]) -> None:
    spec.given(role_added("ada", "Oracle", at(1)), role_removed("ada", "Oracle", at(2), how="role deleted"))
    spec.then_rows("ada", ROLE_PERIODS.name, [period(1, "Oracle", at(1), until=(2, at(2), "role deleted"))])


def test_an_end_that_comes_again_with_the_actor_names_who_did_it(spec: Specification[RolePeriods]) -> None:
    spec.given(role_added("ada", "Oracle", at(1)), role_added("ada", "Seeker", at(1)))
    spec.when(role_removed("ada", "Oracle", at(2)), role_removed("ada", "Oracle", at(2), by="mod"))
    spec.then_rows(
        "ada",
        ROLE_PERIODS.name,
        [period(1, "Oracle", at(1), until=(3, at(2), "removed"), ended_by="mod"), period(2, "Seeker", at(1))],
    )
    spec.when(left("ada", at(3)), left("ada", at(3), by="eve"))
    spec.then_rows(
        "ada",
        ROLE_PERIODS.name,
        [
            period(1, "Oracle", at(1), until=(3, at(2), "removed"), ended_by="mod"),
            period(2, "Seeker", at(1), until=(5, at(3), "left"), ended_by="eve"),
        ],
    )


def test_a_removal_or_a_leave_of_somebody_without_the_role_changes_nothing(spec: Specification[RolePeriods]) -> None:
    spec.given(role_added("ada", "Oracle", at(1)), role_removed("ada", "Oracle", at(2), by="mod"))
    spec.when(role_removed("ada", "Oracle", at(3), by="eve"), left("ada", at(3), by="eve"))
    spec.then_nothing_changed("ada")


def test_an_end_that_comes_late_is_where_it_belongs(spec: Specification[RolePeriods]) -> None:
    spec.given(role_added("ada", "Oracle", at(1)), role_added("ada", "Oracle", at(5)))
    spec.when(left("ada", at(3)))
    spec.then_rows(
        "ada", ROLE_PERIODS.name, [period(1, "Oracle", at(1), until=(3, at(3), "left")), period(2, "Oracle", at(5))]
    )


def test_thousands_of_periods_are_folded_as_a_few_are(spec: Specification[RolePeriods]) -> None:
    times = 2 * CHUNK + 3
    for number in range(times):
        spec.given(role_added("ada", "Oracle", at(2 * number)), role_removed("ada", "Oracle", at(2 * number + 1)))
    spec.when(role_removed("ada", "Oracle", at(2 * times - 1), by="eve"))
    rows = spec.rows("ada")[ROLE_PERIODS.name]
    assert len(rows) == times
    assert [row[8] for row in rows if row[8] is not None] == ["eve"]
