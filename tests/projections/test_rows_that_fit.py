"""A table refuses a row exactly if one of its columns refuses its value: the short way says what the long one says."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.values import ColumnType


class Word(str):
    __slots__ = ()


COLUMNS = st.builds(Column, name=st.just("it"), type=st.sampled_from(ColumnType), null=st.booleans()) | st.builds(
    Column, name=st.just("it"), type=st.just(ColumnType.TEXT), length=st.integers(1, 5), null=st.booleans()
)
VALUES = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.sampled_from(["a\x00b", "\ud800", "ünï", "abcdef", Word("ab")]),
    st.integers(),
    st.booleans(),
    st.sampled_from([datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1)]),  # noqa: DTZ001 - refused
    st.sampled_from([Decimal("1.5"), 1.5, b"bytes", ()]),
)


@given(column=COLUMNS, value=VALUES)
def test_the_table_refuses_what_its_column_refuses(column: Column, value: object) -> None:
    reason = column.refuses(value)
    said = Table("things", columns=(column,)).refuses((value,))
    assert said == (None if reason is None else f"things.it {reason}")


@given(st.lists(st.tuples(COLUMNS, VALUES), min_size=1, max_size=4))
def test_the_first_value_that_does_not_fit_is_named(pairs: list[tuple[Column, object]]) -> None:
    columns = tuple(
        Column(f"c{place}", column.type, column.length, column.null) for place, (column, _) in enumerate(pairs)
    )
    expected = next(
        (
            f"things.{column.name} {why}"
            for column, (_, value) in zip(columns, pairs, strict=True)
            if (why := column.refuses(value))
        ),
        None,
    )
    assert Table("things", columns=columns).refuses(tuple(value for _, value in pairs)) == expected


@given(data=st.data(), columns=st.lists(COLUMNS, min_size=1, max_size=3), number=st.integers(0, 4))
def test_rows_are_refused_together_exactly_if_one_is_or_two_have_one_key(
    data: st.DataObject, columns: list[Column], number: int
) -> None:
    named = tuple(Column(f"c{place}", each.type, each.length, each.null) for place, each in enumerate(columns))
    ordered = [place for place, each in enumerate(named[:2]) if each.type is not ColumnType.JSONB and not each.null]
    table = Table("things", columns=named, key=tuple(named[place].name for place in ordered))
    width = st.just(len(named)) | st.integers(1, 4)
    rows = [tuple(data.draw(VALUES) for _ in range(data.draw(width))) for _ in range(number)]
    first = next((reason for row in rows if (reason := table.refuses(row)) is not None), None)
    if first is None and len({tuple(row[place] for place in ordered) for row in rows}) < len(rows):
        first = "things has two rows with one key"
    assert table.refuses_together(rows) == first
    # an author may well give the values of a dict
    assert table.refuses_together(dict(enumerate(rows)).values()) == first  # type: ignore[arg-type]
