"""How the ways to Discord and Patreon are, as far as they told us."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, counter, gauge

MOST_WEBHOOKS: Final = 20


def discord_sessions(connection: Connection) -> Iterator[Metric]:
    """No samples while nobody ever listened."""
    heard = gauge("ledger_discord_last_frame_timestamp_seconds", "When the gateway was last heard")
    opened = gauge("ledger_discord_sessions_open", "Sessions of the gateway that nobody ended; one that was killed too")
    begun = counter("ledger_discord_sessions", "Sessions that began: before each, frames may have been lost")
    again = counter("ledger_discord_resumes", "Times that a session went on without a loss")
    removed = gauge(
        "ledger_discord_bot_removed_timestamp_seconds", "When the bot was removed from the guild; 0 while it is in it"
    )
    away = gauge(
        "ledger_discord_guild_unavailable_timestamp_seconds", "When Discord's outage of the guild began; 0 without one"
    )
    families: tuple[GaugeMetricFamily | CounterMetricFamily, ...] = (heard, opened, begun, again, removed, away)
    row = connection.execute(statement("metrics_discord")).fetchone()
    if row is not None:
        for family, value in zip(families, row, strict=True):
            family.add_metric([], float(value))
    yield from families


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
