"""Python and PostgreSQL decide a condition alike."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.literals import condition_expression
from temple_ledger.projections.condition import COMPARISONS, Condition

VALUES: dict[str, Any] = {
    'text collate "C"': st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3)
    | st.sampled_from(["a", "A", "ä", "é", "_", "", "'", "%s", "\\"]),
    "integer": st.integers(-3, 3),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "numeric": st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-9, max_value=9)
    | st.sampled_from([Decimal("1.0"), Decimal("1.00"), Decimal(1)]),
    "date": st.dates(date(1, 1, 1), date(9999, 12, 31)),
    "timestamptz": st.builds(
        lambda seconds, hours: datetime.fromtimestamp(seconds, timezone(timedelta(hours=hours))),
        st.integers(0, 2**31),
        st.integers(-12, 12),
    ),
    "uuid": st.integers(0, 2**128 - 1).map(lambda number: UUID(int=number)),
}


@st.composite
def asked(draw: st.DrawFn) -> tuple[str, Any, Any, Condition]:
    """A type, the values of two columns, and a condition about the first."""
    kind = draw(st.sampled_from(sorted(VALUES)))
    of_kind = VALUES[kind]
    one, other = draw(st.none() | of_kind), draw(st.none() | of_kind)
    near = of_kind if one is None else st.just(one) | of_kind
    condition = draw(
        st.one_of(
            st.builds(lambda operator, value: Condition("one", operator, value), st.sampled_from([*COMPARISONS]), near),
            st.builds(lambda operator: Condition("one", operator, column="other"), st.sampled_from([*COMPARISONS])),
            st.builds(lambda values: Condition("one", "in", values), st.lists(near, min_size=1, max_size=3)),
            st.sampled_from([Condition("one", "is null"), Condition("one", "is not null")]),
        )
    )
    return kind, one, other, condition


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=asked())
def test_python_and_postgresql_decide_alike(database: Database, asked: tuple[str, Any, Any, Condition]) -> None:
    kind, one, other, condition = asked
    type_, _, collation = kind.partition(" ")
    cast = sql.SQL(f"::{type_} {collation}")
    query = sql.SQL("select {} from (select ({}){} as one, ({}){} as other) as row").format(
        condition_expression(condition), sql.Literal(one), cast, sql.Literal(other), cast
    )
    with database.connect(DatabaseRole.READ) as connection:
        assert connection.execute(query).fetchone() == (condition.of({"one": one, "other": other}),)
