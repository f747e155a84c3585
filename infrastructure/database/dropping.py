"""Tables dropped by their names."""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql


def drop_unlogged(connection: psycopg.Connection[Any], place: str) -> None:
    """Where there is such a table, and it is unlogged."""
    found = connection.execute(
        "select from pg_class where oid = to_regclass(quote_ident(%s)) and relpersistence = 'u'", (place,)
    )
    if found.rowcount:
        drop_tables(connection, [place])


def drop_tables(connection: psycopg.Connection[Any], places: Sequence[str]) -> None:
    """Those that are there. Raises psycopg.errors.DependentObjectsStillExist."""
    for place in places:
        connection.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(place)))
