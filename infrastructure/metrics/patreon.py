"""Whether Patreon's webhooks deliver, and what of its words is in doubt: as `temple receive` last heard of it."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from infrastructure.metrics.ledger import Connection, gauge
from infrastructure.patreon.health import patreon_health

MOST_WEBHOOKS = 20


def patreon(connection: Connection) -> Iterator[Metric]:
    health = patreon_health(connection)
    paused = gauge("ledger_patreon_webhook_paused", "1 where Patreon has paused the webhook", "webhook")
    failures = gauge("ledger_patreon_webhook_failures", "Deliveries of the webhook that failed in a row", "webhook")
    read_at = gauge("ledger_patreon_webhook_read_timestamp_seconds", "When Patreon was asked about it", "webhook")
    for each in health.webhooks[:MOST_WEBHOOKS]:
        paused.add_metric([each.webhook_id], float(each.paused))
        failures.add_metric([each.webhook_id], each.failures)
        read_at.add_metric([each.webhook_id], each.read_at.timestamp())
    doubts = gauge("ledger_patreon_doubts", "Memberships of which something is in doubt", "cause")
    doubts.add_metric(["loss"], health.losses)
    doubts.add_metric(["order"], health.orders)
    yield from (paused, failures, read_at, doubts)
    if health.token is not None:
        refused = gauge("ledger_patreon_token_refused", "1 where Patreon takes the refresh token no more")
        refused.add_metric([], float(health.token.refused_at is not None))
        expires = gauge("ledger_patreon_token_expires_timestamp_seconds", "When the token in use ends")
        expires.add_metric([], health.token.expires_at.timestamp())
        yield from (refused, expires)
