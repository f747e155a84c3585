"""How long the trigger takes, in trigger mode."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, counter


def trigger_durations(connection: Connection) -> Iterator[Metric]:
    """No samples while it was never called, or where the server does not count functions."""
    calls = counter("ledger_trigger_calls", "Calls of sync_current_roles(), by the statistics of the database")
    seconds = counter("ledger_trigger_duration_seconds", "Time spent in sync_current_roles() and what it calls")
    row = connection.execute(statement("metrics_trigger")).fetchone()
    if row is not None:
        calls.add_metric([], row[0])
        seconds.add_metric([], row[1])
    yield from (calls, seconds)
