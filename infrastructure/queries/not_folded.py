"""What the tables of members do not have yet, for whoever answers from them."""

from typing import NamedTuple

from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.projection_status import projection_status
from temple_ledger.projections.members import members
from temple_ledger.projections.registry import carried, catalogue


class NotFolded(NamedTuple):
    """`events` wait to be folded, `waiting` says so in words; `parked` members have rows from before an event that
    cannot be."""

    events: int
    parked: int
    waiting: str = ""

    @property
    def sentence(self) -> str | None:
        """None where the stored rows are the whole story."""
        parts = []
        if self.events:
            parts.append(f"{self.waiting} not folded yet")
        if self.parked:
            parts.append(f"{plural(self.parked, 'member is', 'members are')} parked")
        return f"{' and '.join(parts)}: what is shown here is from before" if parts else None


def not_folded(connection: Connection) -> NotFolded:
    status = projection_status(connection, carried(), members.name, catalogue=catalogue())
    return NotFolded(status.lag_events, status.parked, status.waiting("event is", "events are"))
