"""How often each member was warned, and what follows from it (docs/rollups.md, docs/effects.md, docs/feed.md)."""

from datetime import datetime
from typing import Any

from temple_ledger import (
    Beginning,
    Change,
    Complete,
    Event,
    Ledger,
    Message,
    Reset,
    Row,
    count_of,
    day_of,
    max_of,
    projection,
    sum_of,
)


class MemberWarned(Event, type="example/warned"):
    by: str
    points: int = 1


class Record(Row, table="example_warning_record"):
    warnings: int = 0
    points: int = 0
    last_by: str | None = None
    last_at: datetime | None = None


warnings = projection("example_warnings", version=1, state=Record)


@warnings.on
def _(record: Record, event: MemberWarned) -> Record:
    return record.replace(
        warnings=record.warnings + 1,
        points=record.points + event.points,
        last_by=event.by,
        last_at=event.occurred_at,
    )


points_by_moderator = warnings.rollup(
    "points_by_moderator",
    key=Record.last_by,
    members=count_of(),
    total=sum_of(Record.points),
    latest=max_of(Record.last_at),
)

warned_by_day = warnings.rollup("warned_by_day", key=day_of(Record.last_at), members=count_of())


@warnings.effect
def notify_moderators(change: Change[Record]) -> Message | None:
    before = 0 if change.before is None else change.before.points
    if before >= 10 or change.after.points < 10:
        return None
    return Message("moderators", {"content": f"<@{change.user_id}> has {change.after.points} points"})


def follow(ledger: Ledger, points: dict[str, int], **how: Any) -> None:
    """Holds the points of every member."""
    with ledger.changes("example_warnings", consumer="shop", **how) as feed:
        for item in feed:
            match item:
                case Beginning():
                    points.clear()
                case Reset(user_id=member, after=record):
                    points[member] = 0 if record is None else record.points
                case Complete():
                    pass
                case Change(user_id=member, after=record):
                    points[member] = record.points
