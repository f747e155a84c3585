"""What is known of effects, and of where their messages go."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.consistent_read import Connection


@dataclass(frozen=True)
class EffectStatus:
    """`held_back` events raised nothing, for these reasons; the others are messages."""

    projection: str
    version: int
    name: str
    start_position: int
    held_back: int
    reasons: Mapping[str, int]
    waiting: int
    failed: int
    parked: int


@dataclass(frozen=True)
class SinkStatus:
    """`held`: somebody delivers there now."""

    sink: str
    waiting: int
    oldest_at: datetime | None
    parked: int
    delivered: int
    delivered_at: datetime | None
    failing_since: datetime | None
    error: str | None
    held: bool | None


def effect_statuses(connection: Connection) -> list[EffectStatus]:
    return [EffectStatus(*row) for row in connection.execute(statement("read_effects"))]


def sink_statuses(connection: Connection) -> list[SinkStatus]:
    return [SinkStatus(*row) for row in connection.execute(statement("read_sinks"))]
