"""Roles have ids; people say names."""

import pytest

from temple_ledger.domain.errors import AmbiguousName, UnknownName
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.role_directory import (
    NamedRole,
    RoleDirectory,
    read_directory,
    require_role,
)
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, role_added, role_removed
from tests.queries.builders import role_created, role_deleted, role_renamed

DIRECTORY = RoleDirectory(
    [
        NamedRole("1", "Oracle", False),
        NamedRole("2", "Seeker", False),
        NamedRole("3", "seeker", True),
        NamedRole("4", None, False),
        NamedRole("5", "Twin", False),
        NamedRole("6", "Twin", True),
    ]
)


def test_a_role_is_shown_by_its_name() -> None:
    assert DIRECTORY.label("1") == "Oracle"


def test_a_name_that_two_roles_share_is_shown_with_the_id() -> None:
    assert [DIRECTORY.label(role) for role in ("2", "3", "5")] == ["Seeker (2)", "seeker (3)", "Twin (5)"]


def test_a_role_without_a_name_is_shown_by_its_id() -> None:
    assert [DIRECTORY.label(role) for role in ("4", "7")] == ["4", "7"]


def test_a_role_is_found_by_id_and_by_name_whatever_its_case() -> None:
    assert [DIRECTORY.find(text) for text in ("1", "Oracle", "oRACLE")] == ["1", "1", "1"]


def test_a_name_in_exactly_this_case_is_preferred() -> None:
    assert [DIRECTORY.find(text) for text in ("Seeker", "seeker")] == ["2", "3"]


def test_a_name_that_may_be_two_roles_is_answered_with_their_ids() -> None:
    with pytest.raises(AmbiguousName, match=r"2 roles are called 'Twin': 5, 6 \(deleted\); give the id"):
        DIRECTORY.find("Twin")
    with pytest.raises(AmbiguousName):
        DIRECTORY.find("SEEKER")


def test_the_directory_has_the_newest_name_and_the_last_one_of_a_deleted_role(ledger: LedgerScenario) -> None:
    ledger.given(
        role_created("1", "Acolyte", at(1)),
        role_renamed("1", "Oracle", at(2)),
        role_created("2", "Seeker", at(1)),
        role_deleted("2", at(3)),
    )
    with snapshot(ledger.database) as connection:
        found = read_directory(connection)
    assert list(found) == [NamedRole("1", "Oracle", False), NamedRole("2", "Seeker", True)]


def test_a_role_that_has_no_name_but_was_once_given_is_known(ledger: LedgerScenario) -> None:
    ledger.given(joined("ada"), role_added("ada", "400"), role_removed("ada", "400", at(1)))
    with snapshot(ledger.database) as connection:
        assert require_role(connection, read_directory(connection), "400") == "400"


def test_an_unknown_role_is_answered_with_near_names(database: Database) -> None:
    with snapshot(database) as connection, pytest.raises(UnknownName, match="did you mean Oracle"):
        require_role(connection, DIRECTORY, "orcale")
