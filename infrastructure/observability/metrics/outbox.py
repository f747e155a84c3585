"""Messages of effects: how many wait at each sink, and what was not delivered."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, gauge


def outbox(connection: Connection) -> Iterator[Metric]:
    """Of failed functions the sink is empty: what they would have sent is not known."""
    waiting = gauge("ledger_effects_waiting", "Messages of effects that wait to be delivered", "sink")
    oldest = gauge("ledger_effects_oldest_timestamp_seconds", "When the first of those that wait was stored", "sink")
    trouble = gauge("ledger_effects_trouble", "Messages that a sink refused, or whose function raised", "sink")
    for sink, number, since, troubled in connection.execute(statement("metrics_outbox")):
        waiting.add_metric([sink], number)
        trouble.add_metric([sink], troubled)
        if since is not None:
            oldest.add_metric([sink], since)
    yield from (waiting, oldest, trouble)
