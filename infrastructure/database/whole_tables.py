"""Joins of whole tables, planned without what the planner believes of their size."""

from typing import Any

import psycopg

from temple_ledger.infrastructure.database.session_settings import set_for_transaction


def join_whole_tables(connection: psycopg.Connection[Any], *, merging: bool = True) -> None:
    """Until the transaction ends, joins hash or sort; without *merging* they hash, where sorting by a part of the key
    would be thought enough.

    A table that was analyzed while it was empty is believed to stay empty, and would be searched row by row for each
    row of the other one: 50,000 rows are then 2,500,000,000 comparisons. A statement that looks up some rows by their
    key is written as `unnest(keys) cross join lateral (select … where key = … offset 0)` instead, and needs none of it.
    """
    set_for_transaction(connection, "enable_nestloop", "off")
    if not merging:
        set_for_transaction(connection, "enable_mergejoin", "off")
