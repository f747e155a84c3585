"""What is written and deleted turns one set of a member's rows into another, whatever the table's key."""

from collections.abc import Mapping
from itertools import chain
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temple_ledger.projections.difference import row_difference
from temple_ledger.projections.tables import Column, Row, Table
from temple_ledger.projections.values import ColumnType

COLUMNS: Final = (
    Column("name", ColumnType.TEXT),
    Column("place", ColumnType.INTEGER),
    Column("notes", ColumnType.JSONB, null=True),
)
TABLES: Final = tuple(Table("things", columns=COLUMNS, key=key) for key in ((), ("name",), ("name", "place")))
NAMES: Final = st.sampled_from("abcdefghijklm")
VALUES: Final = st.tuples(NAMES, st.integers(0, 2), st.sampled_from([None, {"a": 1}, ["b"]]))


def rows_of(table: Table, values: list[Row]) -> list[Row]:
    """One for each key."""
    return [*by_key(table, values).values()]


def by_key(table: Table, rows: list[Row]) -> Mapping[Row, Row]:
    return {table.key_of(row): row for row in rows}


@given(table=st.sampled_from(TABLES), before=st.lists(VALUES, max_size=14), after=st.lists(VALUES, max_size=14))
def test_the_difference_applied_to_the_rows_before_gives_the_rows_after(
    table: Table, before: list[Row], after: list[Row]
) -> None:
    old, new = rows_of(table, before), rows_of(table, after)
    *written, gone = row_difference(table, old, new)
    left = {key: row for key, row in by_key(table, old).items() if key not in gone}
    assert {**left, **by_key(table, [*chain(*written)])} == by_key(table, new)


@given(table=st.sampled_from(TABLES), before=st.lists(VALUES, max_size=14), after=st.lists(VALUES, max_size=14))
def test_nothing_is_written_that_is_there_and_nothing_deleted_that_stays(
    table: Table, before: list[Row], after: list[Row]
) -> None:
    old, new = rows_of(table, before), rows_of(table, after)
    difference = row_difference(table, old, new)
    added, changed, gone = difference
    assert [row for row in difference.written if row in old] == []
    assert not by_key(table, [*added]).keys() & by_key(table, old).keys()
    assert by_key(table, [*changed]).keys() <= by_key(table, old).keys()
    assert not set(gone) & by_key(table, new).keys()


@pytest.mark.parametrize("table", TABLES, ids=["no key", "one column", "two columns"])
@pytest.mark.parametrize("misshapen", [(), ("a",), (["a"], ["b"], None)], ids=["empty", "short", "lists for keys"])
@pytest.mark.parametrize("others", [1, 12])
def test_a_row_that_no_table_takes_is_written_so_that_whoever_checks_finds_it(
    table: Table, misshapen: Row, others: int
) -> None:
    before = rows_of(table, [(name, 0, None) for name in "abcdefghijklm"[:others]])
    written = row_difference(table, before, [*before[1:], misshapen]).written
    assert misshapen in written
    assert table.refuses_together(written) is not None
