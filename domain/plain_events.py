"""Events whose fields are plain texts, made without the model's own check, which was half of decoding.

Most models limit the length of a text and ask nothing else. That limit is read off the model once. A row within it
gives the same event as the check would; any other row goes to the check, which alone decides what is wrong.
"""

from collections import namedtuple
from collections.abc import Callable, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from temple_ledger.domain.event import LONGEST_NAME, LONGEST_SOURCE, VERSION_KEY, Event, NonEmptyText, TargetMark
from temple_ledger.domain.recorded import Recorded, decode_metadata

Decode = Callable[[Recorded], Event]

UNBOUNDED: Final = 1 << 30
_OF_EVERY_EVENT: Final = ("user_id", "occurred_at", "source", "position")
_VERSION: Final = f'"{VERSION_KEY}"'
"""A row that speaks of its version is looked at with care."""

SHORT: Final = 300
"""Characters of a payload that every parser takes: less than 4,300 digits and 200 levels."""

MOST_FIELDS: Final = 5
"""With more, the sets of those that may be given become too many to have at hand."""


class Text(NamedTuple):
    """A field of a model: a text of so many characters. `lenient`: see NonEmptyText."""

    name: str
    shortest: int
    longest: int
    may_be_none: bool
    required: bool
    default: str | None
    lenient: bool


class PlainFields(NamedTuple):
    """The own fields of a model, all of them texts: the one that is the row's target, those read from metadata."""

    target: Text | None
    metadata: tuple[Text, ...]

    def fit(self, target: str | None, metadata: object) -> bool:
        """Whether a row with these makes an event, if its other columns are valid."""
        wanted = self.target
        if wanted is not None and not (
            wanted.may_be_none if target is None else wanted.shortest <= len(target) <= wanted.longest
        ):
            return False
        found = metadata if isinstance(metadata, dict) else {}
        if VERSION_KEY in found:
            return False
        for name, shortest, longest, _, required, _, lenient in self.metadata:
            if name not in found:
                if required:
                    return False
                continue
            value = found[name]
            if lenient and not value:
                if required:
                    return False
            elif not isinstance(value, str) or not shortest <= len(value) <= longest:
                return False
        return True


def plain_fields(model: type[Event]) -> PlainFields | None:
    """None for a model that checks more than the length of its own fields, has others than texts, or has many.

    The fields are to be declared in the order in which they are read, so that they are printed in the model's order.
    """
    own = {name: _text(name, field) for name, field in model.model_fields.items() if name not in Event.model_fields}
    read = [*([] if model.target_field is None else [model.target_field]), *model.metadata_fields]
    if None in own.values() or list(own) != read or len(own) > MOST_FIELDS or not _checks_fields_alone(model):
        return None
    texts = {name: text for name, text in own.items() if text is not None}
    target = None if model.target_field is None else texts[model.target_field]
    return PlainFields(target, tuple(texts[name] for name in model.metadata_fields))


def plain_decoder(model: type[Event], fields: PlainFields, otherwise: Decode, *, slots: bool = False) -> Decode:
    """Decodes rows in the model's own shape; what does not fit it at first sight goes to *otherwise*.

    With *slots*, what it makes is not the model: a tuple with the same fields under the same names, which takes half as
    long to make. It runs a million times in a rebuild: no function is called for each field, and none looked for.
    """
    of_target, of_metadata = fields
    names = (*_OF_EVERY_EVENT, *([of_target.name] if of_target else []), *(text.name for text in of_metadata))
    slotted: Any = namedtuple(model.__name__, names)  # type: ignore[misc]  # the fields are read off the model
    always = {*_OF_EVERY_EVENT} | ({of_target.name} if of_target else set())
    given = [
        always | {text.name for place, text in enumerate(of_metadata) if not absent >> place & 1}
        for absent in range(1 << len(of_metadata))
    ]
    """The fields that were given, by which of the metadata were not. Events share them: nobody changes a frozen one."""

    def parsed(recorded: Recorded) -> Event:
        """Of a row that is good, but for its metadata, which is still to be seen."""
        values: list[Any] = [getattr(recorded, name) for name in _OF_EVERY_EVENT]
        if of_target is not None:
            values.append(recorded.target)
        metadata = decode_metadata(recorded.metadata_text)
        absent, bit = 0, 1
        for name, shortest, longest, _, required, default, lenient in of_metadata:
            value = metadata.get(name)
            if isinstance(value, str) and (value or not lenient):
                if not shortest <= len(value) <= longest:
                    return otherwise(recorded)
                values.append(value)
            elif required or not (lenient or (value is None and name not in metadata)):
                return otherwise(recorded)
            else:
                values.append(default)
                absent |= bit
            bit <<= 1
        made: Event = _new_tuple(slotted, values) if slots else event_of(values, absent)
        return made

    def event_of(values: Sequence[Any], absent: int) -> Event:
        event: Event = _new(model)
        _set_values(event, dict(zip(names, values, strict=True)))
        _set_given(event, given[absent])
        _set_extra(event, None)
        _set_private(event, None)
        return event

    known: dict[str, Any] = {
        "LONGEST_NAME": LONGEST_NAME,
        "LONGEST_SOURCE": LONGEST_SOURCE,
        "SHORT": SHORT,
        "VERSION": _VERSION,
        "otherwise": otherwise,
        "parsed": parsed,
        "event_of": event_of,
        "new": _new_tuple,
        "slotted": slotted,
        **{f"default_{place}": text.default for place, text in enumerate(of_metadata)},
    }
    exec(_source(fields, slots=slots), known)  # noqa: S102 - as namedtuple's; a field is in it as a quoted text alone
    decode: Decode = known["decode"]
    return decode


def _source(fields: PlainFields, *, slots: bool) -> str:
    """A decoder written out for these fields: a loop over them took a quarter longer.

    A payload is read at a glance. Where it is short every parser takes it; where it has no backslash, no text in it has
    a quote; where only one brace opens, nothing is nested. Then a name, a colon and a text in quotes are a field, and a
    name that is nowhere is none. All else is parsed.
    """
    target, metadata = fields
    has_target = [] if target is None else ["target"]
    values = ", ".join(["user_id, occurred_at, source, position", *has_target, *map(_value, range(len(metadata)))])
    lines = [
        _PRELUDE.format(target="" if target is None else _TARGET.format(**target._asdict())),
        *(f"    {_value(place)} = default_{place}" for place in range(len(metadata))),
        f"    absent = {(1 << len(metadata)) - 1}",
        _VERSIONED,
        *([_DOUBTED] if metadata else []),
        *(_field_source(place, text) for place, text in enumerate(metadata)),
        *([_REQUIRED] if any(text.required for text in metadata) else []),
        f"    return new(slotted, ({values}))" if slots else f"    return event_of(({values}), absent)",
    ]
    return "\n".join(lines)


def _field_source(place: int, field: Text) -> str:
    name = f'"{field.name}"'
    opening = f'{name}: "'
    return _FIELD.format(
        value=_value(place),
        opening=repr(opening),
        before=len(opening),
        shortest=max(1, field.shortest) if field.lenient else field.shortest,
        longest=field.longest,
        bit=1 << place,
        doubted="True" if field.required else f"{name!r} in text",
    )


def _value(place: int) -> str:
    return f"value_{place}"


_PRELUDE: Final = """
def decode(recorded):
    position, occurred_at, _, user_id, _, target, text, source, _, _ = recorded
    if (
        occurred_at is None
        or occurred_at.tzinfo is None
        or not 0 < len(user_id) <= LONGEST_NAME
        or not 0 < len(source) <= LONGEST_SOURCE
        {target}
    ):
        return otherwise(recorded)"""
_TARGET: Final = "or not ({may_be_none} if target is None else {shortest} <= len(target) <= {longest})"
_VERSIONED: Final = """
    if text is not None:
        if VERSION in text:
            return otherwise(recorded)"""
_DOUBTED: Final = """
        if len(text) > SHORT or "\\\\" in text or text.rfind("{") > 0:
            return parsed(recorded)"""
_FIELD: Final = """
        start = text.find({opening}) + {before}
        if start >= {before}:
            {value} = text[start : text.find('"', start)]
            if not {shortest} <= len({value}) <= {longest}:
                return parsed(recorded)
            absent -= {bit}
        elif {doubted}:
            return parsed(recorded)"""
_REQUIRED: Final = """
    else:
        return parsed(recorded)"""


# What `model_construct` does, which looks at each field again and takes longer than the check.
_new: Final = object.__new__
_new_tuple: Final[Any] = tuple.__new__
_set_values: Final = BaseModel.__dict__["__dict__"].__set__
_set_given: Final = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra: Final = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private: Final = BaseModel.__dict__["__pydantic_private__"].__set__


_SCHEMA: Final = getattr(Event.__get_pydantic_core_schema__, "__func__", None)


def _checks_fields_alone(model: type[Event]) -> bool:
    """Of the fields that every event has, *model* asks what Event does, and nothing of several fields together."""
    rules = model.__pydantic_decorators__
    return (
        all(
            model.model_fields[name].annotation == field.annotation
            and model.model_fields[name].metadata == field.metadata
            for name, field in Event.model_fields.items()
        )
        and not (rules.validators or rules.field_validators or rules.root_validators or rules.model_validators)
        and not model.__private_attributes__
        and model.model_post_init is Event.model_post_init
        and model.model_config == Event.model_config
        and model.__init__ is Event.__init__
        and getattr(model.__get_pydantic_core_schema__, "__func__", None) is _SCHEMA
    )


def _text(name: str, field: FieldInfo) -> Text | None:
    lenient = any(isinstance(rule, NonEmptyText) for rule in field.metadata)
    rules = [rule for rule in field.metadata if not isinstance(rule, NonEmptyText | TargetMark)]
    limits = _limits(Annotated[field.annotation, *rules] if rules else field.annotation)
    default = None if field.is_required() else field.default
    if limits is None or not isinstance(default, str | None):
        return None
    if field.default_factory is not None or field.validate_default or field.alias or field.validation_alias:
        return None
    return Text(name, *limits, field.is_required(), default, lenient)


def _limits(annotation: Any) -> tuple[int, int, bool] | None:
    """The shortest, the longest, and whether it may be None; None for anything but a text of some length."""
    if annotation is str:
        return 0, UNBOUNDED, False
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        texts = [part for part in parts if part is not NoneType]
        limits = _limits(texts[0]) if len(texts) == 1 else None
        return None if limits is None else (limits[0], limits[1], True)
    if origin is not Annotated:
        return None
    limits = _limits(parts[0])
    for rule in parts[1:]:
        if isinstance(rule, TargetMark):
            continue
        if limits is None or not isinstance(rule, StringConstraints):
            return None
        least, most = rule.min_length, rule.max_length
        if rule != StringConstraints(min_length=least, max_length=most):
            return None
        limits = max(limits[0], least or 0), min(limits[1], UNBOUNDED if most is None else most), limits[2]
    return limits
