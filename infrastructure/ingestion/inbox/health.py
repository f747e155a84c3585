"""Whether sources are silent, and whether what they sent is translated."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg

from temple_ledger.infrastructure.database.statements import statement

MOST_COUNTED: Final = 100_000
"""Of those that wait, failed or cannot be read."""


class SourceHealth(NamedTuple):
    """`received` counts repeats too. `waiting`, `failed` and `unparseable` are in the inbox now; `translated`, `events`
    and `conflicts` (event_ids that the log had with another content) were counted since the beginning.

    Ages are in seconds; None where there was no delivery, or none waits.
    """

    source: str
    received: int
    repeats: int
    first_received_at: datetime | None
    last_received_at: datetime | None
    silent_seconds: float | None
    waiting: int
    oldest_waiting_seconds: float | None
    failed: int
    unparseable: int
    translated: int
    events: int
    conflicts: int
    stepped_at: datetime | None


def sources(connection: psycopg.Connection[Any]) -> Sequence[SourceHealth]:
    """Of every source that ever sent something, by name. Costs little, however much was received."""
    return [SourceHealth(*row) for row in connection.execute(statement("inbox_health"), {"limit": MOST_COUNTED})]
