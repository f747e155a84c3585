"""The tally of events per hour, type, action and source, which dashboards read."""

from temple_ledger.domain.errors import UndecodableEvent
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.tables import Column, ColumnType, Table
from temple_ledger.projections.tally import BuiltInTally, Increments


def _count(event: Recorded) -> Increments:
    if event.occurred_at is None:
        raise UndecodableEvent("timestamp is outside the years 1 to 9999")
    hour = event.occurred_at.replace(minute=0, second=0, microsecond=0)
    return {(hour, event.event_type, event.action, event.source): 1}


activity = BuiltInTally(
    "activity",
    version=1,
    table=Table(
        "webhook_activity_hourly",
        columns=(
            Column("hour", ColumnType.TIMESTAMPTZ),
            Column("event_type", ColumnType.TEXT, length=50),
            Column("action", ColumnType.TEXT, length=50),
            Column("source", ColumnType.TEXT, length=50),
            Column("events", ColumnType.BIGINT),
        ),
        key=("hour", "event_type", "action", "source"),
    ),
    count=_count,
)
