"""Sessions of the gateway, and the gaps between them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery

Connection = psycopg.Connection[Any]

NOT_RESUMED = "not resumed"
STOPPED = "stopped"


class GatewaySession(NamedTuple):
    """`received_until` is when the last frame of the session before it came: between that and `begun_at` frames were
    lost. None of the first one."""

    session_id: str
    begun_at: datetime
    last_sequence: int
    last_received_at: datetime
    resumed: int
    ended_at: datetime | None
    how: str | None
    received_until: datetime | None

    @property
    def gap_seconds(self) -> float | None:
        return None if self.received_until is None else max(0.0, (self.begun_at - self.received_until).total_seconds())


class FeedState(NamedTuple):
    """How the feed of Discord is: for status and metrics. `caught_up_at`: a snapshot of that moment was applied last.

    `sessions_today` is how many sessions began within a day: each but the first one is a gap.
    """

    guild: str | None
    session: str | None
    whole_since: datetime | None
    read_back_to: str | None
    caught_up_at: datetime | None
    members: int
    last_received_at: datetime | None
    sessions_today: int


def note_sessions(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """In the transaction that stores them."""
    for delivery in deliveries:
        if delivery.kind == "READY":
            end_sessions(connection, NOT_RESUMED, but=delivery.origin)
    last = {delivery.origin: delivery for delivery in deliveries}
    for session_id, delivery in last.items():
        resumed = sum(each.kind == "RESUMED" and each.origin == session_id for each in deliveries)
        connection.execute(
            statement("discord_session_keep"),
            {
                "session_id": session_id,
                "received_at": delivery.received_at,
                "sequence": delivery.details["s"],
                "resumed": resumed,
            },
            prepare=True,
        )


def end_sessions(connection: Connection, how: str, *, but: str | None = None, at: datetime | None = None) -> None:
    connection.execute(statement("discord_session_end"), {"how": how, "but": but, "at": at})


def gateway_sessions(connection: Connection, limit: int) -> list[GatewaySession]:
    """The newest first."""
    return [GatewaySession(*row) for row in connection.execute(statement("discord_sessions"), {"limit": limit})]


def feed_state(connection: Connection) -> FeedState:
    row = connection.execute(statement("discord_feed_state")).fetchone()
    return FeedState(*row) if row is not None else FeedState(None, None, None, None, None, 0, None, 0)
