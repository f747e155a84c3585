"""A misspelt kind is refused, and one of somebody else's is not."""

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.near_kinds import why_misspelt, within_one_edit


@pytest.mark.parametrize(
    ("event_type", "action"),
    [
        ("discord_role_change", "add"),
        ("discord_role_change", "Added"),
        ("discord_role_change", "grant"),
        ("discord_rolechange", "added"),
        ("discord_role_chnage", "added"),
        ("discord_role_changes", "added"),
        ("discord-role-change", "added"),
        ("Discord_Join", "joined"),
        ("discord_role_change/added", "added"),
        ("patreon_membership", "upgraded"),
        ("member_inactivty", "marked"),
        ("discord_leave", "joined"),
    ],
)
def test_a_kind_that_is_near_a_known_one_is_misspelt(event_type: str, action: str) -> None:
    assert why_misspelt(CATALOGUE, event_type, action)


@pytest.mark.parametrize(
    ("event_type", "action"), [("shop_order", "paid"), ("discord_message_pin", "pinned"), ("x", "x"), ("role", "added")]
)
def test_a_distant_kind_is_somebody_elses(event_type: str, action: str) -> None:
    assert why_misspelt(CATALOGUE, event_type, action) is None


def test_no_known_kind_is_misspelt() -> None:
    assert [why_misspelt(CATALOGUE, each.event_type, each.action) for each in CATALOGUE] == [None] * len(
        list(CATALOGUE)
    )


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("abc", "abc", True),
        ("abc", "ab", True),
        ("bc", "abc", True),
        ("abc", "axc", True),
        ("abc", "acb", True),
        ("abcd", "badc", False),
        ("abc", "a", False),
        ("abc", "cab", False),
        ("", "a", True),
    ],
)
def test_one_edit_is_one_letter_or_two_that_changed_places(one: str, other: str, near: bool) -> None:
    assert within_one_edit(one, other) is near
    assert within_one_edit(other, one) is near
