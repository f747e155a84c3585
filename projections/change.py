"""The change that one event makes to a member, and what else a feed brings."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from temple_ledger.domain.event import Event
from temple_ledger.domain.position import Position

State = TypeVar("State")


@dataclass(frozen=True)
class Change(Generic[State]):
    """What *event* made of the member; `before` is None where it is the member's first one.

    Of a projection in the short form `before` and `after` are rows, else they are states.
    """

    projection: str
    version: int
    user_id: str
    position: Position
    event: Event
    before: State | None
    after: State

    @property
    def id(self) -> str:
        """The same for the same event, whoever works it out, and how often."""
        return f"{self.projection}-{self.version}-{self.position}"


@dataclass(frozen=True)
class Reset(Generic[State]):
    """The member is *after* now, without steps in between: by an operation, or as a row of a snapshot.

    None: the member has no rows any more. `operation` is its number; None in a snapshot.
    """

    projection: str
    version: int
    user_id: str
    position: Position
    operation: int | None
    after: State | None

    @property
    def id(self) -> str:
        return f"{self.projection}-{self.version}-{self.position}-{self.operation or 0}-{self.user_id}"


@dataclass(frozen=True)
class Beginning:
    """What the consumer has is void: a reset of every member follows, and then a `Complete`. `reason` says why."""

    projection: str
    version: int
    position: Position
    reason: str


@dataclass(frozen=True)
class Complete:
    """Every member of the snapshot was there; whom the consumer has besides has no rows."""

    projection: str
    version: int
    position: Position
