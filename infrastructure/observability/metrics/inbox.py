"""Deliveries: how many came, how many wait, and what could not be translated."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import Metric
from psycopg.rows import dict_row

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, counter, gauge

MOST_COUNTED: Final = 10_000
MOST_SOURCES: Final = 20


class Inbox:
    def __call__(self, connection: Connection) -> Iterator[Metric]:
        with connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(
                statement("metrics_inbox"), {"limit": MOST_COUNTED, "sources": MOST_SOURCES}
            ).fetchall()
        deliveries = counter("ledger_deliveries", "Deliveries that were kept, each once", "source")
        repeats = counter("ledger_deliveries_repeated", "Deliveries that had been kept before", "source")
        last = gauge("ledger_delivery_last_timestamp_seconds", "When the last delivery came", "source")
        depth = gauge("ledger_inbox_depth", f"Deliveries that wait to be translated, up to {MOST_COUNTED}", "source")
        oldest = gauge("ledger_inbox_oldest_timestamp_seconds", "When the first of those that wait came", "source")
        trouble = gauge(
            "ledger_inbox_trouble", "Deliveries that could not be translated or not be read, up to 10000", "source"
        )
        translated = counter("ledger_deliveries_translated", "Deliveries that were translated", "source")
        events = counter("ledger_inbox_events", "Events that translating appended", "source")
        conflicts = counter("ledger_inbox_conflicts", "Events that the log had already with another content", "source")
        failures = counter("ledger_inbox_failures", "Deliveries whose translation failed", "source")
        for row in rows:
            source = [row["source"]]
            deliveries.add_metric(source, row["received"])
            repeats.add_metric(source, row["repeats"])
            depth.add_metric(source, row["waiting"])
            trouble.add_metric(source, row["trouble"])
            translated.add_metric(source, row["deliveries"] or 0)
            events.add_metric(source, row["events"] or 0)
            conflicts.add_metric(source, row["conflicts"] or 0)
            failures.add_metric(source, row["failures"] or 0)
            if row["last_received_at"] is not None:
                last.add_metric(source, row["last_received_at"])
            if row["oldest"] is not None:
                oldest.add_metric(source, row["oldest"])
        yield from (deliveries, repeats, last, depth, oldest, trouble, translated, events, conflicts, failures)
