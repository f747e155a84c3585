"""How much room tables and indexes take, and how much of it is dead."""

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client.core import Metric

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.kept import Cached
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, gauge

MOST: Final = 60
"""The largest; every projection has tables of its own."""

Rows = list[tuple[Any, ...]]


class Storage:
    def __init__(self, kept: Cached[tuple[Rows, Rows, int]] | None = None) -> None:
        self._kept = Cached() if kept is None else kept

    def __call__(self, connection: Connection) -> Iterator[Metric]:
        found, indexes, database = self._kept(lambda: self._ask(connection))
        sizes = gauge("ledger_table_bytes", "A table with its large values, without its indexes", "table")
        live = gauge("ledger_live_tuples", "Rows of a table, by the statistics of the database", "table")
        dead = gauge("ledger_dead_tuples", "Rows that changed or went, and whose room is still to be freed", "table")
        for name, size, alive, gone in found:
            sizes.add_metric([name], size)
            live.add_metric([name], alive)
            dead.add_metric([name], gone)
        index_sizes = gauge("ledger_index_bytes", "An index", "index", "table")
        for name, table, size in indexes:
            index_sizes.add_metric([name, table], size)
        whole = gauge("ledger_database_bytes", "The whole database")
        whole.add_metric([], database)
        yield from (sizes, live, dead, index_sizes, whole)

    def _ask(self, connection: Connection) -> tuple[Rows, Rows, int]:
        found = connection.execute(statement("metrics_tables"), {"limit": MOST}).fetchall()
        indexes = connection.execute(statement("metrics_indexes"), {"limit": MOST}).fetchall()
        row = connection.execute(statement("database_size")).fetchone()
        return found, indexes, int(row[0]) if row else 0
