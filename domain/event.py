"""What every event has in common."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from temple_ledger.domain.position import START, Position

if TYPE_CHECKING:
    from eventsourcing.domain import DomainEventProtocol

LONGEST_SOURCE: Final = 50
LONGEST_NAME: Final = 100

Name50 = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_SOURCE)]
Name100 = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
"""The lengths are those of the canon's columns, in characters."""

Tier = Annotated[str, StringConstraints(max_length=50)]
"""Shorter than the log's `target`: it has to fit `temple_member_status.patreon_tier`."""


class Event(BaseModel):
    """A fact about one member, past tense, never edited.

    `position` is None until the log has given one. `target_field` names the field that the log stores in its column
    `target`; `metadata_fields` those that it stores in `metadata`, where only a non-empty string counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target_field: ClassVar[str | None] = None
    metadata_fields: ClassVar[tuple[str, ...]] = ()

    user_id: Name100
    occurred_at: AwareDatetime
    source: Name50
    position: Position | None = None

    @property
    def originator_id(self) -> str:
        """The member, in the words of `eventsourcing`."""
        return self.user_id

    @property
    def originator_version(self) -> int:
        """The position, in the words of `eventsourcing`; 0 before the log has given one."""
        return START if self.position is None else self.position


class UnknownEvent(Event):
    """A row whose type is not in the catalogue: ignored by folds, and left in the log for a later version."""

    event_type: str
    action: str


def _is_a_library_event(event: Event) -> "DomainEventProtocol[str]":
    """Checked by mypy: whatever is an Event can be given to `eventsourcing`."""
    return event
