"""What is remembered of members between steps: so many bytes and no more, however long their lives get."""

from itertools import chain
from sys import getsizeof
from typing import Any

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.batch import KnownMember
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import members
from temple_ledger.projections.remembered import MEMBER_BYTES, Remembered, row_bytes
from temple_ledger.projections.role_periods import role_periods
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.testing.histories import at
from temple_ledger.projections.values import ColumnType

NOTES = Table(
    "notes",
    columns=(
        Column("number", ColumnType.INTEGER),
        Column("note", ColumnType.TEXT, null=True),
        Column("details", ColumnType.JSONB, null=True),
    ),
    key=("number",),
)


def noted(*rows: tuple[Any, ...]) -> KnownMember[None]:
    return KnownMember(None, {NOTES.name: rows}, None)


def of_rows(number: int) -> KnownMember[None]:
    return noted(*((each, None, None) for each in range(number)))


def size(rows: int) -> int:
    return MEMBER_BYTES + rows * row_bytes(NOTES)


@pytest.fixture
def remembered() -> Remembered[None]:
    """Room for three members of ten rows."""
    return Remembered([NOTES], 3 * size(10))


def test_members_whose_rows_get_more_with_every_change_are_forgotten_at_the_bound() -> None:
    most = 50 * size(10)
    remembered: Remembered[None] = Remembered([NOTES], most)
    for rows in range(1, 40):
        for start in range(0, 100, 10):
            remembered.put({f"member {number}": of_rows(rows) for number in range(start, start + 10)})
            assert 0 < remembered.bytes <= most
    assert len(remembered) == most // size(39)
    assert remembered.bytes == len(remembered) * size(39)


def test_who_changed_longest_ago_is_forgotten_first(remembered: Remembered[None]) -> None:
    for user_id in ("ada", "bo", "cy", "ada", "dan"):
        remembered.put({user_id: of_rows(10)})
    assert [user_id for user_id in ("ada", "bo", "cy", "dan") if remembered.get(user_id)] == ["ada", "cy", "dan"]


def test_of_a_wide_step_only_those_are_remembered_who_were_so_before(remembered: Remembered[None]) -> None:
    remembered.put({"ada": of_rows(2)})
    remembered.put({"ada": of_rows(3), "bo": of_rows(2)}, others_too=False)
    assert remembered.get("ada") == of_rows(3)
    assert remembered.get("bo") is None
    assert (len(remembered), remembered.bytes) == (1, size(3))


def test_a_member_who_alone_is_larger_than_the_bound_is_not_remembered_nor_does_anybody_go_for_it(
    remembered: Remembered[None],
) -> None:
    remembered.put({"ada": of_rows(10), "bo": of_rows(10)})
    remembered.put({"ada": of_rows(1_000)})
    assert remembered.get("ada") is None, "what it was before the change would be wrong now"
    assert remembered.get("bo") == of_rows(10)
    assert remembered.bytes == size(10)


def test_a_member_has_the_size_of_what_it_is_now(remembered: Remembered[None]) -> None:
    for rows in (10, 2, 7):
        remembered.put({"ada": of_rows(rows)})
        assert remembered.bytes == size(rows)
    remembered.clear()
    assert (len(remembered), remembered.bytes, remembered.get("ada")) == (0, 0, None)


@pytest.mark.parametrize("row", [(1, "x" * 50_000, None), (1, None, {"pages": ["x" * 25_000, {"more": "y" * 25_000}]})])
def test_long_texts_and_documents_count_by_their_length(row: tuple[Any, ...]) -> None:
    remembered: Remembered[None] = Remembered([NOTES], 10 * 50_000)
    remembered.put({f"member {number}": noted(row) for number in range(20)})
    assert len(remembered) == 9


@pytest.mark.parametrize("projection", [members, role_periods])
@pytest.mark.parametrize("changes", [2, 40])
def test_what_is_counted_is_near_what_python_needs(projection: MemberProjection[Any], changes: int) -> None:
    fold, known = Fold(projection, CATALOGUE), {}
    for number in range(20):
        done = fold.whole([_role_change(f"{number:018}", change) for change in range(changes)])
        known[f"{number:018}"] = KnownMember(done.state, done.rows, done.frontier)
    remembered: Remembered[Any] = Remembered(projection.tables)
    remembered.put(known)
    needed = _bytes_of(known, set())
    assert 0.8 * needed < remembered.bytes < 2 * needed


def _role_change(user_id: str, change: int) -> Recorded:
    """Two roles are granted, then one of them is removed, and so on."""
    action, role = ("removed", change - 1) if change % 3 == 2 else ("added", change)
    name = "discord_role_change"
    return Recorded(Position(change + 1), at(change), name, user_id, action, f"{role:018}", None, "test")


def _bytes_of(value: Any, seen: set[int]) -> int:
    if id(value) in seen:
        return 0
    seen.add(id(value))
    inside = chain(value, value.values()) if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return getsizeof(value) + sum(_bytes_of(each, seen) for each in inside)
