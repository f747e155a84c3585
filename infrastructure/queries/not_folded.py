"""What the tables of members do not have yet, for whoever answers from them."""

from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.projection_status import projection_status
from temple_ledger.projections.members import members
from temple_ledger.projections.registry import carried, catalogue


def not_folded(connection: Connection) -> str | None:
    """A sentence; None where the stored rows are the whole story."""
    status = projection_status(connection, carried(), members.name, catalogue=catalogue())
    parts = []
    if status.lag_events:
        parts.append(f"{plural(status.lag_events, 'event is', 'events are')} not folded yet")
    if status.parked:
        parts.append(f"{plural(status.parked, 'member is', 'members are')} parked")
    return f"{' and '.join(parts)}: what is shown here is from before." if parts else None
