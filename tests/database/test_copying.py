"""What is copied in text comes back as it was."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import psycopg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.copying import as_text, copy_text
from temple_ledger.projections.tables import Column
from temple_ledger.projections.values import ColumnType
from tests.thorough import examples

COLUMNS = (
    Column("word", ColumnType.TEXT),
    Column("maybe", ColumnType.TEXT, null=True),
    Column("whole", ColumnType.BIGINT),
    Column("exact", ColumnType.NUMERIC, null=True),
    Column("yes", ColumnType.BOOLEAN),
    Column("at", ColumnType.TIMESTAMPTZ, null=True),
    Column("day", ColumnType.DATE),
)
TABLE = (
    "create temporary table copied "
    "(word text, maybe text, whole bigint, exact numeric, yes boolean, at timestamptz, day date)"
)
AWKWARD = st.sampled_from(["", "\\N", "\\", "\\.", "a\tb", "a\nb", "a\r\nb", "\b\f\v", "ünïcode ☕", "null"])
WORDS = AWKWARD | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
OFFSETS = st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC) | OFFSETS)  # noqa: DTZ001 - bounds
ROWS = st.tuples(
    WORDS,
    st.none() | WORDS,
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.none() | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=6),
    st.booleans(),
    st.none() | TIMES,
    st.dates(date(1, 1, 1)),
)


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, min_size=1, max_size=30))
def test_rows_come_back_as_they_were_copied(database: Database, rows: list[tuple[object, ...]]) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection, connection.transaction(force_rollback=True):
        connection.execute(TABLE)
        copy_text(connection, "copied", COLUMNS, as_text(COLUMNS, rows))
        assert _all(connection) == rows


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(times=st.lists(st.datetimes(timezones=st.just(UTC)), min_size=1, max_size=30))
@example(times=[datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)])
def test_times_of_utc_come_back_to_the_microsecond(database: Database, times: list[datetime]) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection, connection.transaction(force_rollback=True):
        connection.execute("create temporary table copied (at timestamptz)")
        copy_text(connection, "copied", COLUMNS[5:6], as_text(COLUMNS[5:6], [(at,) for at in times]))
        assert [at for (at,) in _all(connection)] == times


def test_a_time_keeps_its_instant_whatever_its_offset(database: Database) -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=-5, minutes=-30)))
    with database.connect(DatabaseRole.LOGIN) as connection, connection.transaction(force_rollback=True):
        connection.execute(TABLE)
        copy_text(
            connection,
            "copied",
            COLUMNS,
            as_text(COLUMNS, [("a", None, 1, Decimal("1.5"), True, at, date(2026, 1, 1))]),
        )
        ((_, _, _, _, _, found, _),) = _all(connection)
    assert found == at.astimezone(UTC)


def _all(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    return connection.execute("select * from copied order by ctid").fetchall()
