"""The example of docs/own-events.md."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel

from temple_ledger import Event, Payload, Target


class Severity(StrEnum):
    MILD = "mild"
    GRAVE = "grave"


class Rule(BaseModel, frozen=True):
    paragraph: int
    title: str | None = None


class MemberWarned(Event, type="moderation/warned", version=3, aliases=("mod/warn",)):
    channel: Target | None = None
    by: str
    points: int = 1
    public: bool = False
    severity: Severity = Severity.MILD
    fine: Decimal | None = None
    day: date | None = None
    expires_at: datetime | None = None
    lasts: timedelta | None = None
    case: UUID | None = None
    rule: Rule | None = None
    tags: tuple[str, ...] = ()
    weights: dict[str, float] | None = None


@MemberWarned.upcasts(1)
def _(old: Payload) -> Payload:
    """Version 1 had the moderator as `moderator`, and no points."""
    return {"channel": old["channel"], "by": old["moderator"], "points": 1}


@MemberWarned.upcasts(2)
def _(old: Payload) -> Payload:
    """Version 2 had no severity: it followed from the points."""
    return {**old, "severity": "grave" if old.get("points", 1) > 2 else "mild"}
