"""When the gateway was last heard, and how often a session began."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, counter, gauge


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
