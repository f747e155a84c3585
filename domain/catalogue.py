"""Which row of the log is which event: stable names on one side, classes on the other.

A stored event has the name and shape that it was written with. If a shape changes, the catalogue's entry gets a
higher version and an upcaster from each older one; rows are never edited.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from pydantic import ValidationError

from temple_ledger.domain import events
from temple_ledger.domain.errors import UndecodableEvent
from temple_ledger.domain.event import Event, UnknownEvent
from temple_ledger.domain.plain_events import PlainFields, plain_decoder, plain_fields
from temple_ledger.domain.recorded import Recorded

VERSION_KEY: Final = "event_version"
"""The key in metadata with the version in which a row was written; absent means 1."""


@dataclass(frozen=True)
class Shape:
    """The part of a row that an event type is free to shape."""

    target: str | None
    metadata: Mapping[str, Any]


Upcaster = Callable[[Shape], Shape]
"""Turns version *n* of a stored event into *n + 1*."""


@dataclass(frozen=True)
class EventType:
    """One entry: rows of `event_type` and `action` are events of `model`.

    `upcasters[n]` turns version n into n + 1, so there is one for each version below `version`.
    """

    event_type: str
    action: str
    model: type[Event]
    version: int = 1
    upcasters: Mapping[int, Upcaster] = field(default_factory=dict)

    def __post_init__(self) -> None:
        missing = [older for older in range(1, self.version) if older not in self.upcasters]
        if missing:
            raise ValueError(f"{self.name}: no upcaster from version {missing[0]}")

    @property
    def name(self) -> str:
        """`discord_join/joined`: how an event type is written in one word."""
        return f"{self.event_type}/{self.action}"

    @property
    def reads_metadata(self) -> bool:
        """Whether decoding looks at the payload at all: where it does not, nobody need fetch it."""
        return bool(self.model.metadata_fields) or self.version > 1

    @cached_property
    def _plain(self) -> PlainFields | None:
        """None if decoding a row needs more than the lengths of its texts."""
        return plain_fields(self.model) if self.version == 1 else None

    @cached_property
    def decode(self) -> Callable[[Recorded], Event]:
        """Returns the event of a row. Raises UndecodableEvent, with the field and the reason.

        Made once for each type: a lookup for each row showed in the time of a rebuild.
        """
        return self._checked if self._plain is None else plain_decoder(self.model, self._plain, self._checked)

    def surely_decodes(self, target: str | None, metadata: object) -> bool:
        """Whether a row with these, whose other columns are valid, certainly decodes; seen without decoding it."""
        return self._plain is not None and self._plain.fit(target, metadata)

    def _checked(self, recorded: Recorded) -> Event:
        if recorded.occurred_at is None:
            raise UndecodableEvent("timestamp is outside the years 1 to 9999")
        values: dict[str, Any] = {
            "user_id": recorded.user_id,
            "occurred_at": recorded.occurred_at,
            "source": recorded.source,
            "position": recorded.position,
        }
        target = recorded.target
        if self.reads_metadata:
            metadata: Mapping[str, Any] = recorded.metadata
            if self.version > 1:
                target, metadata = self._upcast(target, metadata)
            for name in self.model.metadata_fields:
                value = metadata.get(name)
                if value and isinstance(value, str):
                    values[name] = value
        if self.model.target_field is not None:
            values[self.model.target_field] = target
        try:
            return self.model.model_validate(values)
        except ValidationError as error:
            raise UndecodableEvent(self._reason(error)) from None

    def _upcast(self, target: str | None, metadata: Mapping[str, Any]) -> tuple[str | None, Mapping[str, Any]]:
        shape = Shape(target, metadata)
        written = metadata.get(VERSION_KEY, 1)
        if not isinstance(written, int) or not 1 <= written <= self.version:
            raise UndecodableEvent(f"{self.name} in version {written!r} is not known here, only 1 to {self.version}")
        for older in range(written, self.version):
            shape = self.upcasters[older](shape)
        return shape.target, shape.metadata

    def _reason(self, error: ValidationError) -> str:
        first = error.errors(include_url=False, include_context=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        where = _COLUMN_OF_FIELD.get(name) or ("target" if name == self.model.target_field else f"metadata.{name}")
        value = first["input"]
        if value is None or value == "":
            return f"{where} is missing; {self.name} needs one"
        if first["type"] == "string_too_long":
            return f"{where} has {len(value)} characters, more than fit"
        return f"{where}: {first['msg']}"


_COLUMN_OF_FIELD: Final = {
    "user_id": "user_id",
    "occurred_at": "timestamp",
    "source": "source",
    "position": "id",
}


class Catalogue:
    """Every known event type, by name and by class."""

    def __init__(self, types: Iterable[EventType]) -> None:
        self._by_name: dict[tuple[str, str], EventType] = {}
        self._by_model: dict[type[Event], EventType] = {}
        for each in types:
            if self._by_name.setdefault((each.event_type, each.action), each) is not each:
                raise ValueError(f"{each.name} is in the catalogue twice")
            if self._by_model.setdefault(each.model, each) is not each:
                raise ValueError(f"{each.model.__name__} is in the catalogue twice")

    def __iter__(self) -> Iterator[EventType]:
        return iter(self._by_name.values())

    def extended(self, types: Iterable[EventType]) -> "Catalogue":
        return Catalogue([*self._by_name.values(), *types])

    def find(self, event_type: str, action: str) -> EventType | None:
        return self._by_name.get((event_type, action))

    def type_of(self, model: type[Event]) -> EventType:
        """Raises KeyError for a class that is not in the catalogue."""
        return self._by_model[model]

    def decode(self, recorded: Recorded) -> Event:
        """An UnknownEvent if the type is not in the catalogue. Raises UndecodableEvent."""
        known = self._by_name.get((recorded.event_type, recorded.action))
        if known is not None:
            return known.decode(recorded)
        if recorded.occurred_at is None:
            raise UndecodableEvent("timestamp is outside the years 1 to 9999")
        return UnknownEvent.model_construct(
            user_id=recorded.user_id,
            occurred_at=recorded.occurred_at,
            source=recorded.source,
            position=recorded.position,
            event_type=recorded.event_type,
            action=recorded.action,
        )


CATALOGUE: Final = Catalogue(
    (
        EventType("discord_join", "joined", events.MemberJoined),
        EventType("discord_leave", "left", events.MemberLeft),
        EventType("discord_role_change", "added", events.RoleAdded),
        EventType("discord_role_change", "removed", events.RoleRemoved),
        EventType("patreon_membership", "started", events.MembershipStarted),
        EventType("patreon_membership", "changed", events.MembershipChanged),
        EventType("patreon_membership", "declined", events.MembershipDeclined),
        EventType("patreon_membership", "ended", events.MembershipEnded),
        EventType("member_inactivity", "marked", events.MarkedInactive),
        EventType("discord_role", "created", events.RoleCreated),
        EventType("discord_role", "renamed", events.RoleRenamed),
        EventType("discord_role", "deleted", events.RoleDeleted),
    )
)
"""The built-in event types; docs/events.md has the same table."""
