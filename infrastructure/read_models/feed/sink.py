"""The port of a sink: where messages go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import psycopg

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class OutboxMessage:
    """`id` is the same at every attempt; `data` is JSON text."""

    entry: int
    id: str
    user_id: str
    type: str
    data: str
    occurred_at: datetime | None
    attempts: int


@dataclass(frozen=True)
class Attempt:
    """`error` says why it was not delivered; None: it was.

    `refused`: this message will never be accepted, whatever is tried. `pause_seconds`: the sink asks for so much peace.
    """

    message: OutboxMessage
    error: str | None = None
    refused: bool = False
    pause_seconds: float | None = None


class Sink(Protocol):
    def deliver(self, messages: Sequence[OutboxMessage], connection: Connection) -> Sequence[Attempt]:
        """What became of those that were tried, which need not be all.

        Of a member's messages, in their order; none behind one that was not delivered. *connection* is the deliverer's.
        """
