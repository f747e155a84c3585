"""A set of positions answers as a set would, whatever its ranges."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from temple_ledger.domain.position import PositionSet

POSITIONS = st.frozensets(st.integers(1, 40))


@given(POSITIONS, POSITIONS)
def test_it_is_a_set(one: frozenset[int], other: frozenset[int]) -> None:
    first, second = PositionSet.of(one), PositionSet.of(other)
    assert set(first | second) == one | other
    assert set(first - second) == one - other
    assert set(first & second) == one & other
    assert len(first) == len(one)
    assert [position in first for position in range(42)] == [position in one for position in range(42)]
    assert (first == second) == (one == other) == (str(first) == str(second))


@given(POSITIONS)
def test_ranges_never_touch(positions: frozenset[int]) -> None:
    ranges = PositionSet.of(positions).ranges
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(ranges))


def test_the_first_of_them_are_as_many_as_asked_for_across_gaps() -> None:
    positions = PositionSet([(2, 4), (8, 8), (10, 20)])
    for number in range(17):
        assert list(positions.first(number)) == list(positions)[:number]
