"""Which row of the log is which event: stable names on one side, classes on the other.

A stored event has the name and shape that it was written with. If a shape changes, the catalogue's entry gets a
higher version and an upcaster from each older one; rows are never edited.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property, wraps
from typing import Any, Final

from pydantic import ValidationError

from temple_ledger.domain import events
from temple_ledger.domain.errors import EventMisdeclared, NewerVersion, UndecodableEvent
from temple_ledger.domain.event import VERSION_KEY, Event, NonEmptyText, Payload, UnknownEvent, split_name
from temple_ledger.domain.plain_events import PlainFields, plain_decoder, plain_fields
from temple_ledger.domain.raised import LONGEST, describe_raised, whole_text
from temple_ledger.domain.recorded import Recorded


@dataclass(frozen=True)
class Shape:
    """The part of a row that an event type is free to shape."""

    target: str | None
    metadata: Mapping[str, Any]


Upcaster = Callable[[Shape], Shape]
"""Turns version *n* of a stored event into *n + 1*."""


@dataclass(frozen=True)
class EventType:
    """One entry: rows of `event_type` and `action` are events of `model`, and so are rows of an alias.

    `upcasters[n]` turns version n into n + 1, so there is one for each version below `version`. Raises
    EventMisdeclared where one is missing.
    """

    event_type: str
    action: str
    model: type[Event]
    version: int = 1
    upcasters: Mapping[int, Upcaster] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        missing = [older for older in range(1, self.version) if older not in self.upcasters]
        if missing:
            raise EventMisdeclared(f"{self.name}: no upcaster from version {missing[0]}")
        absent = [
            name
            for name in (self.model.target_field, *self.model.metadata_fields)
            if name is not None and name not in self.model.model_fields
        ]
        if absent:
            raise EventMisdeclared(f"{self.name}: {self.model.__name__} has no field {absent[0]}")

    @property
    def name(self) -> str:
        """`discord_join/joined`: how an event type is written in one word."""
        return f"{self.event_type}/{self.action}"

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """(event_type, action) of every row that is such an event, its own first."""
        return (self.event_type, self.action), *map(split_name, self.aliases)

    @property
    def reads_metadata(self) -> bool:
        """Whether decoding looks at the payload at all: where it does not, nobody need fetch it.

        A row that says its version is fetched all the same: it may be newer than this process knows.
        """
        return bool(self.model.metadata_fields) or self.version > 1

    @cached_property
    def is_plain(self) -> bool:
        """Whether all fields are texts, which need no turning into JSON and back."""
        return plain_fields(self.model) is not None

    @cached_property
    def texts(self) -> PlainFields | None:
        """None if decoding a row needs more than the lengths of its texts."""
        return plain_fields(self.model) if self.version == 1 else None

    @cached_property
    def _lenient(self) -> frozenset[str]:
        fields = self.model.model_fields.items()
        return frozenset(name for name, info in fields if any(isinstance(each, NonEmptyText) for each in info.metadata))

    @cached_property
    def decode(self) -> Callable[[Recorded], Event]:
        """Returns the event of a row. Raises UndecodableEvent, with the field and the reason.

        Made once for each type: a lookup for each row showed in the time of a rebuild.
        """
        return self._checked if self.texts is None else plain_decoder(self.model, self.texts, self._checked)

    @cached_property
    def decode_into_slots(self) -> Callable[[Recorded], Event]:
        """The same fields under the same names, not always as the class: for rules of our own, which read nothing else.

        A row that has to be looked at with care comes as the class.
        """
        if self.texts is None:
            return self._checked
        return plain_decoder(self.model, self.texts, self._checked, slots=True)

    def surely_decodes(self, target: str | None, metadata: object) -> bool:
        """Whether a row with these, whose other columns are valid, certainly decodes; seen without decoding it."""
        return self.texts is not None and self.texts.fit(target, metadata)

    def payload_of(self, event: Event) -> dict[str, Any]:
        """What `metadata` stores of the event's own fields, as JSON values; a None that is the default is left out."""
        model = self.model
        if self.is_plain:
            values: dict[str, Any] = {name: getattr(event, name) for name in model.metadata_fields}
        else:
            values = event.model_dump(mode="json", include=set(model.metadata_fields), by_alias=False)
        return {
            name: value
            for name in model.metadata_fields
            if (value := values[name]) is not None
            or (name not in self._lenient and model.model_fields[name].get_default() is not None)
        }

    def _checked(self, recorded: Recorded) -> Event:
        if recorded.occurred_at is None:
            raise UndecodableEvent("timestamp is outside the years 1 to 9999")
        values: dict[str, Any] = {
            "user_id": recorded.user_id,
            "occurred_at": recorded.occurred_at,
            "source": recorded.source,
            "position": recorded.position,
        }
        target, metadata = self._upcast(recorded)
        for name in self.model.metadata_fields:
            if name in metadata:
                value = metadata[name]
                if name not in self._lenient or (value and isinstance(value, str)):
                    values[name] = value
        if self.model.target_field is not None:
            values[self.model.target_field] = target
        try:
            return self.model.model_validate(values, by_name=True, by_alias=False)
        except ValidationError as error:
            raise UndecodableEvent(self._reason(error)) from None
        except Exception as error:  # an author's validator: whatever it raises, the row is not such an event
            raise UndecodableEvent(f"{self.name}: {describe_raised(error)}") from error

    def _upcast(self, recorded: Recorded) -> tuple[str | None, Mapping[str, Any]]:
        metadata: Mapping[str, Any] = {}
        if self.reads_metadata:
            metadata = recorded.metadata
        elif recorded.metadata_text is not None and VERSION_KEY in recorded.metadata_text:
            # nobody looks at the rest: where it cannot be read, that is no matter
            with suppress(UndecodableEvent):
                metadata = recorded.metadata
        shape = Shape(recorded.target, metadata)
        written = metadata.get(VERSION_KEY, 1)
        if not isinstance(written, int) or isinstance(written, bool) or not 1 <= written <= self.version:
            known = "only version 1" if self.version == 1 else f"only versions 1 to {self.version}"
            newer = isinstance(written, int) and not isinstance(written, bool) and written > self.version
            kind = NewerVersion if newer else UndecodableEvent
            raise kind(f"{self.name} in version {written!r} is not known here, {known}")
        for older in range(written, self.version):
            try:
                shape = self.upcasters[older](shape)
            except Exception as error:  # an author's code: whatever it raises, the row cannot be read
                hint = "" if VERSION_KEY in metadata else _without_version(self.version)
                raise UndecodableEvent(
                    f"{self.name}: the upcaster from version {older} failed: {describe_raised(error)}{hint}"
                ) from error
        return shape.target, shape.metadata

    def _reason(self, error: ValidationError) -> str:
        first = error.errors(include_url=False, include_context=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        where = _COLUMN_OF_FIELD.get(name) or ("target" if name == self.model.target_field else f"metadata.{name}")
        value = first["input"]
        if first["type"] == "missing" or value is None or value == "":
            return f"{where} is missing; {self.name} needs one"
        if first["type"] == "string_too_long":
            return f"{where} has {len(value)} characters, more than fit"
        return whole_text(f"{where}: {first['msg']}"[:LONGEST])


_COLUMN_OF_FIELD: Final = {
    "user_id": "user_id",
    "occurred_at": "timestamp",
    "source": "source",
    "position": "id",
}


@cache
def declared_type(model: type[Event]) -> EventType | None:
    """The entry of a class that names its type itself; None for a class that does not. Raises EventMisdeclared.

    The class's upcasters stand below it, in its own module: the first use of the class, after that, is what asks.
    """
    declared = model.declaration
    if declared is None:
        return None
    event_type, action = split_name(declared.name)
    upcasters = {older: _on_shapes(model, function) for older, function in declared.upcasters.items()}
    return EventType(event_type, action, model, declared.version, upcasters, declared.aliases)


def _without_version(newest: int) -> str:
    return f"; a row without {VERSION_KEY} is of version 1, and the newest is {newest}"


def _on_shapes(model: type[Event], function: Callable[[Payload], Payload]) -> Upcaster:
    target = model.target_field

    @wraps(function)
    def upcast(shape: Shape) -> Shape:
        old = dict(shape.metadata)
        if target is None:
            return Shape(shape.target, _fields(function(old)))
        new = _fields(function({**old, target: shape.target}))
        return Shape(new.pop(target, None), new)

    return upcast


def _fields(returned: object) -> dict[str, Any]:
    if not isinstance(returned, Mapping):
        raise TypeError(f"it returned {'nothing' if returned is None else repr(returned)}, and not the fields by name")
    return dict(returned)


class Catalogue:
    """Every known event type, by name and by class. Raises EventMisdeclared for one name twice."""

    def __init__(self, types: Iterable[EventType]) -> None:
        self._by_name: dict[tuple[str, str], EventType] = {}
        self._by_model: dict[type[Event], EventType] = {}
        for each in types:
            for name in each.names:
                other = self._by_name.setdefault(name, each)
                if other != each:
                    raise EventMisdeclared(
                        f"{'/'.join(name)} is the name of two events: {_place(other.model)} and {_place(each.model)}"
                    )
            if self._by_model.setdefault(each.model, each) != each:
                raise EventMisdeclared(f"{_place(each.model)} is in the catalogue under two names")

    def __iter__(self) -> Iterator[EventType]:
        return iter(self._by_model.values())

    def extended(self, types: Iterable[EventType]) -> "Catalogue":
        return Catalogue([*self, *types])

    def with_models(self, models: Iterable[type[Event]]) -> "Catalogue":
        """With these classes, of which those that are not in it have to declare a type. Raises EventMisdeclared."""
        added = [self.type_of(model) for model in models if model not in self._by_model]
        return self.extended(added) if added else self

    def find(self, event_type: str, action: str) -> EventType | None:
        return self._by_name.get((event_type, action))

    def type_of(self, model: type[Event]) -> EventType:
        """Also of a class that is not in the catalogue and declares its type. Raises EventMisdeclared."""
        known = self._by_model.get(model) or declared_type(model)
        if known is None:
            raise EventMisdeclared(self.why_unknown(model))
        return known

    def is_base(self, model: type[Event]) -> bool:
        """Whether events of the catalogue derive from the class, which is none itself."""
        return model not in self._by_model and model.declaration is None and bool(self._derived(model))

    def _derived(self, model: type[Event]) -> list[str]:
        return sorted(each.__name__ for each in self._by_model if issubclass(each, model))

    def why_unknown(self, model: type[Event]) -> str:
        """What is wrong with a class that is in no catalogue, and what to do."""
        derived = self._derived(model)
        if derived:
            return (
                f"{model.__name__} is a base class, and no event by itself: name the classes that are, "
                f"{', '.join(derived[:6])}"
            )
        return (
            f"{_place(model)} is in no catalogue: name its type, as in "
            f'class {model.__name__}(Event, type="a_type/an_action"), or list it in an entry point temple_ledger.events'
        )

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


def _place(model: type[Event]) -> str:
    return f"{model.__module__}.{model.__qualname__}"


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
