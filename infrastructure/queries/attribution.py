"""One fact, shown once: an event and the later one that only adds who did it.

The log is never edited. When Discord names the actor after the change was recorded, the same event is appended again,
with the same time, the actor, and the id of the first one in `metadata.attributes`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import starmap
from typing import NamedTuple
from uuid import UUID

from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.projections.role_periods import RoleEnding


class AttributedEvent(NamedTuple):
    """`attribution` is the later event that says who did it; None where there is none."""

    event: Recorded
    attribution: Recorded | None = None

    @property
    def actor(self) -> str | None:
        """Who did it, where one of the two says so."""
        by = None if self.attribution is None else actor_of(self.attribution)
        return by or actor_of(self.event)


def merge_attributions(
    connection: Connection,
    events: Sequence[Recorded],
    *,
    known_at: datetime | None = None,
    left_out: Collection[Position] = frozenset(),
) -> list[AttributedEvent]:
    """*events*, each fact once, in their order. They may be any page: the other event of a pair need not be in it.

    What was recorded after *known_at* names nobody. A pair of which one is *left_out*, say as skipped, stays apart.
    """
    pairs = _pairs(connection, events, known_at)
    pairs = [(first, later) for first, later in pairs if not {first, later.position} & set(left_out)]
    attributions = dict(pairs)
    repeats = {later.position for _, later in pairs}
    return [
        AttributedEvent(event, attributions.get(event.position)) for event in events if event.position not in repeats
    ]


def whole_facts(connection: Connection, events: Sequence[Recorded]) -> list[AttributedEvent]:
    """Each of *events* as the fact that it is, or that it adds the actor to; each fact once, in their order.

    For events that are picked by their actor: of a pair, only the later one names somebody.
    """
    attributions = dict(_pairs(connection, events, None))
    firsts = {later.position: first for first, later in attributions.items()}
    rows = connection.execute(statement("read_events_at"), {"positions": list(attributions)}, binary=True)
    by_position = {event.position: event for event in (*starmap(Recorded, rows), *events)}
    places = dict.fromkeys(firsts.get(event.position, event.position) for event in events)
    return [AttributedEvent(by_position[place], attributions.get(place)) for place in places]


def attributed_positions(connection: Connection, events: Sequence[Recorded]) -> Mapping[Position, Position]:
    """Of those *events* that are attributions: the position of the event that each says something about."""
    attributed = {event.position: event_id for event in events if (event_id := _attributes(event)) is not None}
    if not attributed:
        return {}
    found = connection.execute(statement("read_positions_of"), {"event_ids": list(set(attributed.values()))})
    places = {event_id: Position(position) for event_id, position in found}
    return {position: places[event_id] for position, event_id in attributed.items() if event_id in places}


def actor_of(event: Recorded) -> str | None:
    """Who did it, where the event says so."""
    metadata = _metadata(event)
    by = metadata.get("granted_by") or metadata.get("by")
    return by if isinstance(by, str) else None


def ends_with_its_role(event: Recorded) -> bool:
    """Whether somebody lost a role in it because the role was deleted."""
    metadata = _metadata(event)
    is_removal = (event.event_type, event.action) == ("discord_role_change", "removed")
    return is_removal and RoleEnding.ROLE_DELETED in (metadata.get("how"), metadata.get("reason"))


def _pairs(
    connection: Connection, events: Sequence[Recorded], known_at: datetime | None
) -> list[tuple[Position, Recorded]]:
    """The position of a fact and the later event that names its actor, where one of *events* is either."""
    positions = [event.position for event in events]
    found = connection.execute(statement("read_attributions"), {"positions": positions, "known_at": known_at})
    return [(Position(row[0]), Recorded(*row[1:])) for row in found]


def _attributes(event: Recorded) -> UUID | None:
    try:
        return UUID(str(_metadata(event).get("attributes")))
    except ValueError:
        return None


def _metadata(event: Recorded) -> Mapping[str, object]:
    try:
        return event.metadata
    except InvalidEvent:
        return {}
