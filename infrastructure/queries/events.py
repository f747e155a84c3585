"""Events of the log, picked by what their columns hold."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import starmap
from typing import Any, Final, NamedTuple
from uuid import UUID

from temple_ledger.domain.errors import UnknownName
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.consistent_read import Connection

LAST: Final = Position(2**63 - 1)


@dataclass(frozen=True)
class EventFilter:
    """Those that fit everything that is given. `targets` and `event_types` are alternatives; `until` is included; `by`
    is the actor that the event itself names."""

    user_id: str | None = None
    event_type: str | None = None
    action: str | None = None
    source: str | None = None
    targets: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    event_types: tuple[str, ...] | None = None
    by: str | None = None

    def parameters(self) -> dict[str, Any]:
        lists = {name: None if value is None else list(value) for name, value in self._alternatives.items()}
        return {**asdict(self), **lists}

    @property
    def _alternatives(self) -> dict[str, tuple[str, ...] | None]:
        return {"targets": self.targets, "event_types": self.event_types}


ALL: Final = EventFilter()


class Skip(NamedTuple):
    projection: str
    skipped_by: str
    reason: str
    skipped_at: datetime


class Retraction(NamedTuple):
    id: int
    retracted_by: str
    reason: str
    retracted_at: datetime


class ShownEvent(NamedTuple):
    """One event with what became of it; `processed_at` is when the projection `members` first folded it, `imported_as`
    the number of the import that added it."""

    event: Recorded
    processed_at: datetime | None
    skips: Sequence[Skip]
    retraction: Retraction | None
    imported_as: int | None


def newest(connection: Connection, picked: EventFilter, *, upto: Position = LAST, limit: int) -> list[Recorded]:
    """The last *limit* of them, by position."""
    found = _listed(connection, "read_events_newest", {**picked.parameters(), "upto": upto, "limit": limit})
    return found[::-1]


def following(
    connection: Connection, picked: EventFilter, *, after: Position, upto: Position = LAST, limit: int
) -> list[Recorded]:
    """The first *limit* of them above *after*, by position."""
    return _listed(connection, "read_events", {**picked.parameters(), "after": after, "upto": upto, "limit": limit})


def shown(connection: Connection, which: Position | UUID) -> ShownEvent:
    """By position or event_id. Raises UnknownName, for a position with those next to it."""
    event_id, position = (which, None) if isinstance(which, UUID) else (None, which)
    row = connection.execute(statement("read_event"), {"position": position, "event_id": event_id}).fetchone()
    if row is None:
        raise UnknownName("event", str(which), () if position is None else _near(connection, position))
    event = Recorded._make(row[:-1])
    skips = connection.execute(statement("read_event_skips"), {"position": event.position})
    where = {"position": event.position}
    retraction = connection.execute(statement("read_event_retraction"), where).fetchone()
    imported = connection.execute(statement("read_event_import"), where).fetchone()
    return ShownEvent(
        event,
        row[-1],
        [Skip(*each) for each in skips],
        None if retraction is None else Retraction(*retraction),
        None if imported is None else imported[0],
    )


def _listed(connection: Connection, name: str, parameters: dict[str, Any]) -> list[Recorded]:
    # a plan made for these values: a general one could not use the index that fits them
    found = connection.execute(statement(name), parameters, prepare=False, binary=True)
    return list(starmap(Recorded, found))


def _near(connection: Connection, position: Position) -> tuple[str, ...]:
    return tuple(str(each) for (each,) in connection.execute(statement("read_positions_near"), {"position": position}))
