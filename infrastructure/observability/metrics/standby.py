"""Where the ledger's figures are read on a standby: how old they are."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from temple_ledger.infrastructure.database.standby import standby_delay
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, gauge


def standby(connection: Connection) -> Iterator[Metric]:
    """Nothing on a primary."""
    delay = standby_delay(connection)
    if delay is None:
        return
    connected = gauge(
        "ledger_standby_connected", "1 if the standby that these figures are read on receives from its primary, else 0"
    )
    connected.add_metric([], float(delay.connected))
    yield connected
    if delay.seconds is not None:
        behind = gauge("ledger_standby_behind_seconds", "How far the standby of these figures is behind its primary")
        behind.add_metric([], delay.seconds)
        yield behind
