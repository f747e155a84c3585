"""What happens in the arcade, with a field of every type that an event may have."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel

from temple_ledger import Event, Payload, Target


class Mode(StrEnum):
    SOLO = "solo"
    TEAM = "team"


class Seat(BaseModel, frozen=True):
    table: int
    colour: str | None = None


class GamePlayed(Event, type="arcade/played", version=2, aliases=("arcade/finished",)):
    game: Target
    match: UUID
    score: int = 0
    ranked: bool = True
    rating: float | None = None
    prize: Decimal = Decimal(0)
    day: date | None = None
    opened: time | None = None
    ended_at: datetime | None = None
    lasted: timedelta | None = None
    mode: Mode = Mode.SOLO
    seat: Seat | None = None
    tags: tuple[str, ...] = ()
    rounds: list[int] | None = None
    bonus: dict[str, Decimal] | None = None


@GamePlayed.upcasts(1)
def _(old: Payload) -> Payload:
    """Version 1 said points, as a text."""
    return {**{name: value for name, value in old.items() if name != "points"}, "score": int(old["points"])}


EVENTS = [GamePlayed]
