"""Whether Patreon still tells us something: its webhooks, the token, and what waits to be looked at again."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.sources.patreon.webhooks import Webhook, kept_webhooks

OVERDUE_SECONDS: Final = 3_600.0


class Token(NamedTuple):
    """The pair in use. `refused_at`: Patreon takes its refresh token no more."""

    refreshed_at: datetime
    refresh_at: datetime
    expires_at: datetime
    refused_at: datetime | None


class PatreonHealth(NamedTuple):
    """`losses` and `orders` are in doubt; the first of them should have been looked at `overdue_seconds` ago, which is
    less than nothing when it is not due yet. `token` None: nothing was ever refreshed."""

    webhooks: Sequence[Webhook]
    token: Token | None
    losses: int
    orders: int
    overdue_seconds: float | None

    @property
    def sentences(self) -> Iterator[tuple[str, str]]:
        """What is wrong, and what to type about it."""
        for webhook in self.webhooks:
            if webhook.in_trouble:
                what = "is paused" if webhook.paused else f"failed {webhook.failures:,} times in a row"
                yield f"Patreon's webhook {webhook.webhook_id} {what}", "temple patreon webhooks"
        if self.token is not None and self.token.refused_at is not None:
            yield "Patreon takes the refresh token no more: give a new pair", "temple patreon webhooks"
        if self.overdue_seconds is not None and self.overdue_seconds > OVERDUE_SECONDS:
            yield (
                f"{self.losses + self.orders:,} of Patreon's words are in doubt, and nobody looks again",
                "temple patreon snapshot --apply",
            )


def as_data(health: PatreonHealth) -> dict[str, Any]:
    """For JSON."""
    return {
        **health._asdict(),
        "webhooks": [each._asdict() for each in health.webhooks],
        "token": None if health.token is None else health.token._asdict(),
    }


def patreon_health(connection: psycopg.Connection[Any]) -> PatreonHealth:
    token = connection.execute(statement("patreon_token_state")).fetchone()
    doubts = connection.execute(statement("patreon_doubts_count")).fetchone() or (0, 0, None)
    return PatreonHealth(kept_webhooks(connection), None if token is None else Token(*token), *doubts)
