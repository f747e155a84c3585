"""A projection with effects, and events for it."""

from datetime import datetime, timedelta
from typing import Any

from temple_ledger.domain.event import Event
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.feed.outbox import OutboxEntry, entries
from temple_ledger.projections.change import Change
from temple_ledger.projections.effect import Message
from temple_ledger.projections.row import Row, projection
from temple_ledger.projections.testing.histories import at


class Warned(Event, type="test/warned_of_effects"):
    points: int = 1
    by: str = "eve"


class Record(Row, table="example_effects"):
    warnings: int = 0
    points: int = 0
    last_by: str | None = None


warnings = projection("effective", version=1, state=Record)


@warnings.on
def _(record: Record, event: Warned) -> Record:
    if event.points < 0:
        raise ValueError("points are never negative")
    return record.replace(warnings=record.warnings + 1, points=record.points + event.points, last_by=event.by)


@warnings.effect(max_age=None)
def every_change(change: Change[Record]) -> Message:
    before = 0 if change.before is None else change.before.points
    return Message("log", {"member": change.user_id, "before": before, "after": change.after.points})


@warnings.effect
def notify_moderators(change: Change[Record]) -> Message | None:
    if change.event.points == 13:  # type: ignore[attr-defined]
        raise RuntimeError("unlucky")
    if change.after.points < 10 or (change.before is not None and change.before.points >= 10):
        return None
    return Message("moderators", {"content": f"{change.user_id} has {change.after.points} points"}, type="points")


def warned(who: str, hours: float | datetime, points: int = 1, by: str = "eve") -> Warned:
    when = hours if isinstance(hours, datetime) else at(hours)
    return Warned(user_id=who, occurred_at=when, source="test", points=points, by=by)


def young(who: str, seconds_ago: float, points: int = 1) -> Warned:
    """An event of now, so that nothing holds its effects back."""
    return warned(who, datetime.now().astimezone() - timedelta(seconds=seconds_ago), points)


def outbox(database: Database, **which: Any) -> list[OutboxEntry]:
    with database.connect(DatabaseRole.READ) as connection:
        return entries(connection, **which)


def sent(database: Database, effect: str = "every_change") -> list[tuple[int, Any]]:
    """Position and data of what the effect sends, by position."""
    return sorted((each.position, each.data) for each in outbox(database) if each.effect == effect)
