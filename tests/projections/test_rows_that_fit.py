"""A table refuses a row exactly if one of its columns refuses its value: the short way says what the long one says."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from projections.tables import Column, ColumnType, Table


class Word(str):
    __slots__ = ()


COLUMNS = st.builds(
    Column,
    name=st.just("it"),
    type=st.sampled_from(ColumnType),
    length=st.none() | st.integers(0, 5),
    null=st.booleans(),
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
