"""What every event has in common, and how an author declares one."""

import re
import warnings
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from inspect import get_annotations
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, get_args, get_origin

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    TypeAdapter,
    WrapSerializer,
)
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo

from temple_ledger.domain.errors import EventMisdeclared
from temple_ledger.domain.position import START, Position

if TYPE_CHECKING:
    from eventsourcing.domain import DomainEventProtocol
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)

LONGEST_SOURCE: Final = 50
LONGEST_NAME: Final = 100
LONGEST_PART: Final = 50
"""Of the two parts of an event's name: those of the canon's columns event_type and action."""

VERSION_KEY: Final = "event_version"
"""The key in metadata that says in which version a row was written; absent means 1."""

Name50 = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_SOURCE)]
Name100 = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
"""The lengths are those of the canon's columns, in characters."""

Tier = Annotated[str, StringConstraints(max_length=50)]
"""Shorter than the log's `target`: it has to fit `temple_member_status.patreon_tier`."""


class TargetMark:
    """Marks the field that the log stores in its column `target`."""


Target = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME), TargetMark()]
"""`channel: Target`, or `Target | None`: whom or what the event is about, beside the member. At most one a class."""


class NonEmptyText:
    """Marks a field that only a non-empty string fills: whatever else stands in its place counts as absent."""


OptionalText = Annotated[str | None, NonEmptyText()]
OptionalName = Annotated[Name100 | None, NonEmptyText()]

Payload = Mapping[str, Any]
"""An event's own fields as JSON values, by name, its target among them."""


@dataclass(frozen=True)
class Declaration:
    """How the log names an event class that declares its type itself. `upcasters[n]` turns version n into n + 1."""

    name: str
    version: int
    aliases: tuple[str, ...]
    upcasters: dict[int, Callable[[Payload], Payload]] = field(default_factory=dict)


class _EventClass(ModelMetaclass):
    """What pydantic cannot make fields of is refused in a sentence of ours, when the class is made."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **settings: Any) -> type:
        try:
            made: type = super().__new__(mcs, name, bases, namespace, **settings)
        except PydanticSchemaGenerationError as error:
            raise EventMisdeclared(
                f"{_field_at_fault(name, namespace)} has a type that cannot be written as JSON and read back"
                f"{_type_in(error)}; use what JSON has, Decimal, dates and times, UUID, an enum, a list or dict of "
                "these, or a pydantic model of them"
            ) from None
        except PydanticUserError as error:
            if error.code == "model-field-missing-annotation":
                raise EventMisdeclared(
                    f"{name}: a field has no type ({_quoted_in(error)}); write its type, as in points: int = 1"
                ) from None
            raise EventMisdeclared(f"{name} cannot be an event: {error.message.splitlines()[0]}") from None
        return made


def _field_at_fault(of: str, namespace: Mapping[str, Any]) -> str:
    """The class itself where the annotations are only read later."""
    for name, annotation in namespace.get("__annotations__", {}).items():
        try:
            if not isinstance(annotation, str):
                TypeAdapter(annotation)
        except PydanticUserError:
            return f"{of}.{name}"
    return f"a field of {of}"


def _type_in(error: PydanticUserError) -> str:
    found = re.search(r"schema for (.+?)\. ", error.message)
    return "" if found is None else f" ({found[1]})"


def _quoted_in(error: PydanticUserError) -> str:
    found = re.search(r"`(.+?)`", error.message)
    return "" if found is None else found[1]


class Event(BaseModel, metaclass=_EventClass):
    """A fact about one member, past tense, never edited.

        class MemberWarned(Event, type="moderation/warned", version=2):
            by: str
            points: int = 1

        @MemberWarned.upcasts(1)
        def _(old: Payload) -> Payload:
            return {**old, "points": 1}

    The class arguments say how the log names it: *type* is `event_type/action`, at most 50 characters each, and never
    changes; *version* is raised when the fields change, with an upcaster from each version before; *aliases* are names
    that rows had before. Fields may be of any type that pydantic turns into JSON and back.

    `position` is None until the log has given one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target_field: ClassVar[str | None] = None
    """The field that the log stores in its column `target`."""
    metadata_fields: ClassVar[tuple[str, ...]] = ()
    """The fields that it stores in `metadata`."""
    instant_fields: ClassVar[tuple[str, ...]] = ()
    """Those of its own that hold instants, which are stored only with an offset."""
    declaration: ClassVar[Declaration | None] = None

    user_id: Name100
    occurred_at: AwareDatetime
    source: Name50
    position: Position | None = None

    def __init_subclass__(
        cls,
        *,
        type: str | None = None,  # noqa: A002 - the word that authors write, as the log's column event_type
        version: int = 1,
        aliases: tuple[str, ...] = (),
        **settings: Any,
    ) -> None:
        """For type checkers, and because Python asks it first; what the arguments mean is done below."""
        super().__init_subclass__(**settings)

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        type: str | None = None,  # noqa: A002 - as above
        version: int = 1,
        aliases: tuple[str, ...] = (),
        **settings: Any,
    ) -> None:
        super().__pydantic_init_subclass__(**settings)
        cls.declaration = None
        if type is None:
            if version != 1 or aliases:
                raise EventMisdeclared(f"{cls.__name__} has a version or aliases, and no type to give them to")
            return
        _refuse_reserved(cls)
        _require_config(cls.__name__, cls.model_config)
        _require_declaration(cls.__name__, type, version, aliases)
        own = [name for name in cls.model_fields if name not in Event.model_fields]
        for name in own:
            _refuse_set(cls, name)
        targets = [name for name in own if _is_target(cls.model_fields[name])]
        if len(targets) > 1:
            raise EventMisdeclared(
                f"{cls.__name__} has two targets, {targets[0]} and {targets[1]}; the log has one column"
            )
        cls.target_field = targets[0] if targets else None
        cls.metadata_fields = tuple(name for name in own if name not in targets)
        cls.instant_fields = tuple(name for name in own if _has_instant(cls.model_fields[name].annotation))
        cls.declaration = Declaration(type, version, aliases)

    @classmethod
    def upcasts(cls, version: int) -> Callable[[Callable[[Payload], Payload]], Callable[[Payload], Payload]]:
        """Registers a function that turns the fields as *version* had them into those of the next version."""
        declared = cls.declaration
        if declared is None:
            raise EventMisdeclared(f"{cls.__name__} declares no type, so it has no versions")
        if not 1 <= version < declared.version:
            raise EventMisdeclared(
                f"{cls.__name__} is in version {declared.version}: there is nothing to upcast from version {version}"
            )
        if version in declared.upcasters:
            raise EventMisdeclared(f"{cls.__name__} has two upcasters from version {version}")

        def register(upcaster: Callable[[Payload], Payload]) -> Callable[[Payload], Payload]:
            declared.upcasters[version] = upcaster
            return upcaster

        return register

    @property
    def originator_id(self) -> str:
        """The member, in the words of `eventsourcing`."""
        return self.user_id

    @property
    def originator_version(self) -> int:
        """The position, in the words of `eventsourcing`; 0 before the log has given one."""
        return START if self.position is None else self.position


def split_name(name: str) -> tuple[str, str]:
    """`moderation/warned` as event_type and action. Raises EventMisdeclared."""
    event_type, slash, action = name.partition("/")
    if not slash or not (0 < len(event_type) <= LONGEST_PART and 0 < len(action) <= LONGEST_PART) or "/" in action:
        raise EventMisdeclared(
            f"{name!r} is no name of an event: it is event_type/action, at most {LONGEST_PART} characters each"
        )
    return event_type, action


def _require_config(of: str, config: ConfigDict) -> None:
    if not config.get("frozen"):
        raise EventMisdeclared(f"{of}: an event is a fact, which nothing changes; take frozen=False away")
    if config.get("extra") == "allow":
        raise EventMisdeclared(f"{of}: extra='allow' takes values that are never stored; declare fields")


def _require_declaration(of: str, type: object, version: object, aliases: object) -> None:  # noqa: A002 - as above
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise EventMisdeclared(f"{of}: versions begin with 1, and this one is {version!r}")
    if not isinstance(aliases, tuple):
        raise EventMisdeclared(f"{of}: aliases are a tuple; one alone needs a comma, ({aliases!r},)")
    for name in (type, *aliases):
        if not isinstance(name, str):
            raise EventMisdeclared(f"{of}: {name!r} is no name of an event: it is a text, event_type/action")
        split_name(name)
    if isinstance(type, str) and (not type.isprintable() or any(part != part.strip() for part in type.split("/"))):
        raise EventMisdeclared(
            f"{of}: the name {type!r} has a character that nobody sees, or begins or ends with a space"
        )


_OLD_NAMES: Final = frozenset(
    {*("copy", "json", "dict", "schema", "schema_json", "validate", "construct", "fields")}
    | {*("parse_obj", "parse_raw", "parse_file", "from_orm", "update_forward_refs")}
)
"""What pydantic gives its classes for code of long ago; a field may have such a name."""

warnings.filterwarnings(
    "ignore", category=UserWarning, message=f'Field name "({"|".join(sorted(_OLD_NAMES))})" in .* shadows an attribute'
)


def _refuse_reserved(model: type[Event]) -> None:
    """Of a class that declares its type: its own fields are all the payload's."""
    own = get_annotations(model).keys()
    taken = sorted(own & {VERSION_KEY, *Event.model_fields}) or sorted(
        name for name in own & model.model_fields.keys() if name not in _OLD_NAMES and hasattr(Event, name)
    )
    if taken:
        raise EventMisdeclared(f"{model.__name__}.{taken[0]}: every event has this already; choose another name")
    hidden = sorted(name for name in own if name in model.__private_attributes__)
    if hidden:
        raise EventMisdeclared(
            f"{model.__name__}.{hidden[0]}: a field does not begin with an underscore, and would not be stored"
        )


def _refuse_set(model: type[Event], name: str) -> None:
    """A set is stored in another order each time: the same event would be another content under its event_id."""
    info = model.model_fields[name]
    if any(isinstance(mark, PlainSerializer | WrapSerializer) for mark in info.metadata):
        return
    if _has_set(info.annotation):
        raise EventMisdeclared(
            f"{model.__name__}.{name}: a set has no order, and would be stored in another one each time; "
            "write tuple[...], and give it sorted"
        )


def _has_instant(annotation: Any) -> bool:
    """`NaiveDatetime` is a class of its own, and asks for a time without an offset."""
    return annotation is datetime or any(map(_has_instant, get_args(annotation)))


def _has_set(annotation: Any) -> bool:
    found = get_origin(annotation) or annotation
    if isinstance(found, type) and issubclass(found, AbstractSet):
        return True
    return any(map(_has_set, get_args(annotation)))


def _is_target(info: FieldInfo) -> bool:
    return any(isinstance(mark, TargetMark) for mark in info.metadata) or _has_mark(info.annotation)


def _has_mark(annotation: Any) -> bool:
    return any(isinstance(part, TargetMark) or _has_mark(part) for part in get_args(annotation))


class UnknownEvent(Event):
    """A row whose type is not in the catalogue: ignored by folds, and left in the log for a later version."""

    event_type: str
    action: str


def _is_a_library_event(event: Event) -> "DomainEventProtocol[str]":
    """Checked by mypy: whatever is an Event can be given to `eventsourcing`."""
    return event
