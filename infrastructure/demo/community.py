"""How large a demo community is, and how badly its history was delivered."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

EVENTS_PER_MEMBER = 20
DEFAULT_MEMBERS = 1_000
SHORTEST_SPAN = timedelta(days=30)

# No wall clock: the same community has the same history on every day it is asked for.
DEFAULT_START = datetime(2024, 1, 1, tzinfo=UTC)
DEFAULT_END = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """*members* counts Discord accounts; patrons without one come on top, about two in a hundred.

    *events* is the exact number of lines, duplicates included. Below five of them to a member, some of the
    members never turn up. *late_share* and *duplicate_share* are shares of the lines.
    """

    seed: int
    members: int
    events: int
    late_share: float = 0.03
    duplicate_share: float = 0.05
    start: datetime = DEFAULT_START
    end: datetime = DEFAULT_END

    def __post_init__(self) -> None:
        if self.members < 1 or self.events < 1:
            raise ValueError("a community needs at least one member and one event")
        if not 0 <= self.late_share <= 0.15:
            raise ValueError("the share of late events must lie between 0 and 0.15")
        if not 0 <= self.duplicate_share <= 0.5:
            raise ValueError("the share of duplicates must lie between 0 and 0.5")
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise ValueError("start and end need an offset from UTC")
        if self.end - self.start < SHORTEST_SPAN:
            raise ValueError(f"a history spans at least {SHORTEST_SPAN.days} days")

    @classmethod
    def sized(cls, *, seed: int, members: int | None = None, events: int | None = None) -> Self:
        """A community of the size asked for; what is not said follows from the other number."""
        if members is None:
            members = DEFAULT_MEMBERS if events is None else max(1, events // EVENTS_PER_MEMBER)
        if events is None:
            events = members * EVENTS_PER_MEMBER
        return cls(seed=seed, members=members, events=events)
