"""How often each member was warned, and by whom last."""

from temple_ledger import Event, Row, projection


class MemberWarned(Event, type="moderation/warned"):
    by: str
    points: int = 1


EVENTS = [MemberWarned]


class Record(Row, table="moderation_record"):
    warnings: int = 0
    points: int = 0
    last_by: str | None = None


moderation = projection("moderation", version=1, state=Record)


@moderation.on
def _(record: Record, event: MemberWarned) -> Record:
    return record.replace(
        warnings=record.warnings + 1,
        points=record.points + event.points,
        last_by=event.by,
    )
