"""The moderation of docs/first-projection.md a year later: a second version of its event and of its projection, with a
rollup, an effect and a consumer."""

from typing import Any

from temple_ledger import (
    Beginning,
    Change,
    Complete,
    Event,
    Ledger,
    Message,
    Payload,
    Reset,
    Row,
    count_of,
    projection,
    sum_of,
)

BANNED_AT = 10


class MemberWarned(Event, type="moderation/warned", version=2):
    by: str
    points: int = 1


@MemberWarned.upcasts(1)
def _(old: Payload) -> Payload:
    """Version 1 knew no points."""
    return {**old, "points": 1}


class Record(Row, table="moderation_record"):
    warnings: int = 0
    points: int = 0
    last_by: str | None = None


moderation = projection("moderation", version=2, state=Record)


@moderation.on
def _(record: Record, event: MemberWarned) -> Record:
    return record.replace(
        warnings=record.warnings + 1,
        points=record.points + event.points,
        last_by=event.by,
    )


by_moderator = moderation.rollup(
    "points_by_moderator", key=Record.last_by, members=count_of(), total=sum_of(Record.points)
)


@moderation.effect
def notify_moderators(change: Change[Record]) -> Message | None:
    before = 0 if change.before is None else change.before.points
    if not before < BANNED_AT <= change.after.points:
        return None
    return Message("moderators", {"content": f"<@{change.user_id}> has {change.after.points} points"})


def follow(ledger: Ledger, banned: set[str], **how: Any) -> None:
    """Holds who is to be banned."""
    with ledger.changes("moderation", consumer="bans", **how) as feed:
        for item in feed:
            match item:
                case Beginning():
                    banned.clear()
                case Complete():
                    pass
                case Reset(user_id=member, after=record) | Change(user_id=member, after=record):
                    if record is not None and record.points >= BANNED_AT:
                        banned.add(member)
                    else:
                        banned.discard(member)
