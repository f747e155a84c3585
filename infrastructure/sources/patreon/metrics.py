"""Memberships in doubt, stale deliveries, whether the token can still be refreshed, and how the webhooks are."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import Metric

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, counter, gauge
from temple_ledger.infrastructure.sources.patreon.health import patreon_health

MOST_WEBHOOKS: Final = 20


def patreon_doubts(connection: Connection) -> Iterator[Metric]:
    health = patreon_health(connection)
    doubts = gauge("ledger_patreon_doubts", "Memberships of which something is in doubt", "cause")
    doubts.add_metric(["loss"], health.losses)
    doubts.add_metric(["order"], health.orders)
    doubts.add_metric(["tier"], health.tiers)
    yield doubts
    stale = counter(
        "ledger_patreon_stale_deliveries", "Deliveries set aside because they look older than what is known"
    )
    stale.add_metric([], health.stale)
    yield stale
    unread = counter(
        "ledger_patreon_unread_deliveries", "Deliveries with fields that are not in a form that Patreon documents"
    )
    unread.add_metric([], health.unread)
    yield unread
    if health.token is not None:
        refused = gauge("ledger_patreon_token_refused", "1 where Patreon refuses the refresh token")
        refused.add_metric([], float(health.token.refused_at is not None))
        expires = gauge("ledger_patreon_token_expires_timestamp_seconds", "When the token in use ends")
        expires.add_metric([], health.token.expires_at.timestamp())
        yield from (refused, expires)


def patreon_webhooks(connection: Connection) -> Iterator[Metric]:
    """As Patreon said when it was last asked."""
    paused = gauge("ledger_patreon_webhook_paused", "1 if Patreon delivers nothing to it any more", "webhook")
    failures = gauge("ledger_patreon_webhook_failures", "Deliveries that failed in a row, says Patreon", "webhook")
    read = gauge("ledger_patreon_webhook_read_timestamp_seconds", "When Patreon was asked", "webhook")
    for webhook, is_paused, failed, read_at in connection.execute(
        statement("metrics_patreon"), {"limit": MOST_WEBHOOKS}
    ):
        paused.add_metric([webhook], float(is_paused))
        failures.add_metric([webhook], failed)
        read.add_metric([webhook], read_at)
    yield from (paused, failures, read)
