"""Whether Patreon still delivers: its webhooks, the token, what waits to be asked again, and stale deliveries."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final, NamedTuple

import psycopg

from temple_ledger.domain.instant import format_instant
from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.sources.patreon.store import STALE, UNREAD
from temple_ledger.infrastructure.sources.patreon.webhooks import Webhook, stored_webhooks

OVERDUE_SECONDS: Final = 3_600.0


class Token(NamedTuple):
    """The pair in use. `refused_at`: since then Patreon refuses its refresh token."""

    refreshed_at: datetime
    refresh_at: datetime
    expires_at: datetime
    refused_at: datetime | None


class PatreonHealth(NamedTuple):
    """`losses`, `orders` and `tiers` are in doubt; the first of them should have been looked at `overdue_seconds` ago,
    which is less than nothing when it is not due yet. `token` None: nothing was ever refreshed. `stale` deliveries
    were set aside since the beginning, the last one at `stale_at`; `unread` ones had fields of an unknown form."""

    webhooks: Sequence[Webhook]
    token: Token | None
    losses: int
    orders: int
    tiers: int
    overdue_seconds: float | None
    stale: int = 0
    stale_at: datetime | None = None
    unread: int = 0
    unread_at: datetime | None = None

    @property
    def lines(self) -> Iterator[str]:
        """What there is to see, be it wrong or not."""
        if self.stale_at is not None:
            few = "delivery" if self.stale == 1 else "deliveries"
            yield f"{self.stale:,} stale {few} set aside, the last received {format_instant(self.stale_at)}"
        if self.unread_at is not None:
            few = plural(self.unread, "delivery", "deliveries")
            yield (
                f"{few} with fields not in a form that Patreon documents, which were left out, "
                f"the last received {format_instant(self.unread_at)}"
            )

    @property
    def sentences(self) -> Iterator[tuple[str, str]]:
        """What is wrong, and what to type about it."""
        for webhook in self.webhooks:
            if webhook.in_trouble:
                what = "is paused" if webhook.paused else f"failed {webhook.failures:,} times in a row"
                yield f"Patreon's webhook {webhook.webhook_id} {what}", "temple patreon webhooks"
        if self.token is not None and self.token.refused_at is not None:
            yield "Patreon refuses the refresh token: set a new pair of tokens", "temple patreon webhooks"
        if self.overdue_seconds is not None and self.overdue_seconds > OVERDUE_SECONDS:
            yield (
                f"{self.losses + self.orders + self.tiers:,} Patreon memberships are in doubt, and nobody asks Patreon",
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
    doubts = connection.execute(statement("patreon_doubts_count")).fetchone() or (0, 0, 0, None)
    counts = chain(_counted(connection, STALE), _counted(connection, UNREAD))
    return PatreonHealth(stored_webhooks(connection), None if token is None else Token(*token), *doubts, *counts)


def _counted(connection: psycopg.Connection[Any], outcome: str) -> tuple[int, datetime | None]:
    row = connection.execute(statement("patreon_delivery_count_read"), {"outcome": outcome}).fetchone()
    return (0, None) if row is None else (row[0], row[1])
