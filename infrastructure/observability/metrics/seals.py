"""How far the log is sealed and proven, and the head of the chain."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, gauge


def seals(connection: Connection) -> Iterator[Metric]:
    row = connection.execute(statement("metrics_seals")).fetchone()
    if row is None:
        return
    sealed, unsealed, number, head, sealed_at, proven, proven_at, findings = row
    for name, says, value in (
        ("ledger_sealed_position", "How far the log is sealed", sealed),
        ("ledger_unsealed_positions", "How many positions of the log come after the last seal", unsealed),
        ("ledger_seal_number", "The number of the last seal: it never goes down", number),
        ("ledger_seal_head", "The first 48 bits of the last seal's hash, as a number", head),
        ("ledger_sealed_timestamp_seconds", "When the last seal was made", sealed_at),
        ("ledger_proven_position", "How far the latest whole proof of the log reached", proven),
        ("ledger_proven_timestamp_seconds", "When the latest whole proof of the log ended", proven_at),
        ("ledger_seal_findings", "What the latest proof of the log, or the one that goes on, found changed", findings),
    ):
        family = gauge(name, says)
        if value is not None:
            family.add_metric([], float(value))
        yield family
