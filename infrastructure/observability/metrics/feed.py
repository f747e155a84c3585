"""Consumers of the feed: who has not read what waits, and since when it waits."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import Metric

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, gauge

MOST_CONSUMERS: Final = 50


def feed(connection: Connection) -> Iterator[Metric]:
    """A consumer's name is what its program calls itself: a word, and no person's."""
    oldest = gauge(
        "ledger_feed_oldest_timestamp_seconds",
        "When the first change was stored that a consumer has not read",
        "projection",
        "consumer",
    )
    behind = gauge(
        "ledger_feed_behind",
        "1 for a consumer that has to begin anew, because what it had not read was deleted",
        "projection",
        "consumer",
    )
    for projection, consumer, since, is_behind in connection.execute(
        statement("metrics_feed"), {"limit": MOST_CONSUMERS}
    ):
        behind.add_metric([projection, consumer], int(is_behind))
        if since is not None:
            oldest.add_metric([projection, consumer], since)
    yield from (oldest, behind)
