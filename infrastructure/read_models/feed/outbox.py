"""The outbox: what effects send, from the step that stores it to the sink that has it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.domain.raised import whole_text
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.feed.sink import Attempt, OutboxMessage
from temple_ledger.projections.effects import EffectFollower, HeldBack, Outgoing
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection

Connection = psycopg.Connection[Any]

DELAYS: Final = (2, 10, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800)
"""Seconds after each failed attempt; after the last one the message is parked, some fifteen hours after the first."""


@dataclass(frozen=True)
class OutboxEntry:
    """A row of the outbox; `sink`, `type` and `data` are None where the function raised."""

    id: int
    projection: str
    version: int
    effect: str
    position: Position
    number: int
    user_id: str
    sink: str | None
    type: str | None
    data: dict[str, Any] | None
    state: str
    attempts: int
    due_at: datetime
    error: str | None
    frames: str | None
    created_at: datetime

    @property
    def message_id(self) -> str:
        return message_id(self.projection, self.version, self.position, self.effect, self.number)


def message_id(projection: str, version: int, position: int, effect: str, number: int) -> str:
    """Made of the id of the change: whoever works it out, and whenever, it is the same."""
    return f"{projection}-{version}-{position}-{effect}-{number}"


def send(connection: Connection, key: ProjectionKey, follower: EffectFollower) -> None:
    """Within the transaction that stores the changes."""
    put(connection, key, sorted(follower.outgoing, key=lambda each: each.position))
    if follower.held_back:
        effects, reasons = zip(*follower.held_back, strict=True)
        values = {
            "effects": list(effects),
            "reasons": [reason.value for reason in reasons],
            "events": list(follower.held_back.values()),
        }
        connection.execute(statement("effect_hold_back"), {**key.parameters, **values})


def count_passed_by_replay(
    connection: Connection,
    projection: MemberProjection[Any],
    names: Iterable[tuple[str, str]],
    after: Position,
    upto: Position,
) -> None:
    """Events in (after, upto] that a replay folded in place of a step: they raise nothing, and are counted."""
    if projection.effects and upto > after:
        event_types, actions = zip(*names, strict=True)
        connection.execute(
            statement("effect_passed_by_replay"),
            {
                **projection.key.parameters,
                "reason": HeldBack.REPLAY.value,
                "event_types": list(event_types),
                "actions": list(actions),
                "after": after,
                "upto": upto,
            },
        )


def put(connection: Connection, key: ProjectionKey, outgoing: Sequence[Outgoing]) -> None:
    if outgoing:
        columns = [list(column) for column in zip(*outgoing, strict=True)]
        connection.execute(statement("outbox_put"), {**key.parameters, **dict(zip(_COLUMNS, columns, strict=True))})


_COLUMNS: Final = (
    "effects",
    "positions",
    "numbers",
    "user_ids",
    "occurred_at",
    "sinks",
    "types",
    "data",
    "errors",
    "frames",
)


def waiting(connection: Connection, sink: str, limit: int) -> list[OutboxMessage]:
    """What is due at the sink, the oldest first; of a member nothing behind a message that waits for its next try."""
    found = connection.execute(statement("outbox_waiting"), {"sink": sink, "limit": limit})
    return [
        OutboxMessage(entry, message_id(*of), user_id, type_, data, occurred_at, attempts)
        for entry, *of, user_id, type_, data, occurred_at, attempts in found
    ]


def record_attempts(connection: Connection, sink: str, attempts: Iterable[Attempt]) -> list[Attempt]:
    """Those that are parked from now on."""
    done = [each.message.entry for each in attempts if each.error is None]
    failed = [each for each in attempts if each.error is not None]
    parked = [each for each in failed if each.refused or each.message.attempts >= len(DELAYS)]
    # what a sink answers, or its code raises, may be anything
    errors = [whole_text(each.error or "") for each in failed]
    values = {
        "sink": sink,
        "delivered": done,
        "failed": [each.message.entry for each in failed],
        "errors": errors,
        "parked": [each in parked for each in failed],
        "delays": [DELAYS[min(each.message.attempts, len(DELAYS) - 1)] for each in failed],
        "error": errors[-1] if errors and not done else None,
    }
    with connection.transaction():
        connection.execute(statement("outbox_record"), values)
        connection.execute(statement("sink_record"), {"sink": sink, "delivered": len(done), "error": values["error"]})
    return parked


def hold_sink(connection: Connection, sink: str, holder: UUID, seconds: float) -> bool:
    """Whether *holder* delivers there, for so long: a dead one is replaced at once, a frozen one in time."""
    values = {"sink": sink, "holder": holder, "seconds": seconds}
    return connection.execute(statement("sink_hold"), values).fetchone() is not None


def release_sinks(connection: Connection, holder: UUID) -> None:
    connection.execute(statement("sink_release"), {"holder": holder})


def any_waiting(connection: Connection, sink: str) -> bool:
    """Whether something waits there, due or not."""
    return connection.execute(statement("outbox_any_waiting"), {"sink": sink}).fetchone() is not None


def prune(connection: Connection, days: float) -> int:
    """Deletes what ended so long ago; how many."""
    return connection.execute(statement("outbox_prune"), {"days": days}).rowcount


def entries(
    connection: Connection,
    *,
    ids: Sequence[int] | None = None,
    states: Sequence[str] | None = None,
    sink: str | None = None,
    projection: str | None = None,
    limit: int | None = None,
) -> list[OutboxEntry]:
    """The oldest first."""
    values = {
        "ids": None if ids is None else list(ids),
        "states": None if states is None else list(states),
        "sink": sink,
        "projection": projection,
        "limit": limit,
    }
    return [OutboxEntry(*row) for row in connection.execute(statement("outbox_list"), values)]
