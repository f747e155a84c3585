"""The change that one event makes to a member: the state before it, the state after it, and the event."""

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
        return f"{self.projection}.{self.version}.{self.position}"
