"""What is asked of the tables that projections declare, composed for each of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.tables import place_of
from temple_ledger.projections.tables import Table
from temple_ledger.projections.tally import Key


def rows_by_member(table: Table) -> sql.Composed:
    """Every row: user_id, then the declared columns."""
    return sql.SQL('select user_id, {} from {} order by user_id collate "C"').format(
        sql.SQL(", ").join(map(sql.Identifier, table.column_names)), place_of(table)
    )


def rows_of_buckets(table: Table) -> sql.Composed:
    """The same of the members of the buckets `%(first)s` to `%(last)s`, in no certain order."""
    return sql.SQL("select user_id, {} from {} where member_bucket(user_id) between %(first)s and %(last)s").format(
        sql.SQL(", ").join(map(sql.Identifier, table.column_names)), sql.Identifier(table.name)
    )


def other_members(tables: Iterable[Table]) -> sql.Composed:
    """At most `%(limit)s` members after `%(after)s`: those of the log, and those that only a table has."""
    page = sql.SQL("union (select distinct user_id from {} where user_id > %(after)s order by user_id limit %(limit)s)")
    return sql.SQL(statement("verification_others").decode()).format(
        tables=sql.SQL(" ").join(page.format(place_of(table)) for table in tables)
    )


def count_members(connection: psycopg.Connection[Any], tables: Iterable[Table]) -> int:
    """How many members any of them has."""
    every = sql.SQL(" union ").join(sql.SQL("select user_id from {}").format(place_of(table)) for table in tables)
    return _number(connection, sql.SQL("select count(*) from ({}) as member").format(every))


def has_rows(connection: psycopg.Connection[Any], tables: Iterable[Table]) -> bool:
    any_row = sql.SQL("select exists (select from {})")
    return any(connection.execute(any_row.format(place_of(table))).fetchone() == (True,) for table in tables)


def count_rows(connection: psycopg.Connection[Any], columns: Mapping[str, Sequence[str]], values: Sequence[str]) -> int:
    """How many rows of these tables have one of *values* in one of the columns named with it."""
    total = 0
    for table, names in columns.items():
        if connection.execute("select to_regclass(quote_ident(%s)) is null", (table,)).fetchone() == (True,):
            # of a source that has not made it yet
            continue
        named = sql.SQL(" or ").join(sql.SQL("{}::text = any(%s)").format(sql.Identifier(name)) for name in names)
        query = sql.SQL("select count(*) from {} where {}").format(sql.Identifier(table), named)
        row = connection.execute(query, [list(values)] * len(names)).fetchone()
        total += int(row[0]) if row is not None else 0
    return total


def stored_counts(connection: psycopg.Connection[Any], table: Table) -> dict[Key, int]:
    """A tally's table, by key."""
    query = sql.SQL("select {} from {}").format(
        sql.SQL(", ").join(map(sql.Identifier, table.column_names)), place_of(table)
    )
    return {tuple(key): number for *key, number in connection.execute(query, binary=True)}


def sum_of_counts(connection: psycopg.Connection[Any], table: Table) -> int:
    query = sql.SQL("select coalesce(sum({}), 0)::bigint from {}").format(
        sql.Identifier(table.column_names[-1]), place_of(table)
    )
    return _number(connection, query)


def _number(connection: psycopg.Connection[Any], query: sql.Composed) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row is not None else 0
