"""What a projection reads beside its own rules: the event types, their versions, fields and upcasters.

Rows were made by them as much as by the rules. The checkpoint has them as they were when the rows were made, so that a
process which decodes the same rows of the log otherwise does not go on as if nothing had happened.
"""

import ast
import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import cache
from hashlib import sha256
from textwrap import dedent
from types import CodeType, FunctionType, NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined, to_json

from temple_ledger.domain.catalogue import Catalogue, EventType
from temple_ledger.domain.event import Event
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.tally import Tally

_DIGITS: Final = 16


def reads_of(projection: MemberProjection[Any] | Tally, catalogue: Catalogue) -> str:
    """As JSON, for the checkpoint: by name of an event type, what it is. Raises EventMisdeclared."""
    types = {known.name: known for known in _types(projection, catalogue)}
    return json.dumps({name: _declaration(types[name]) for name in sorted(types)})


@cache
def what_differs(then: str, now: str) -> str | None:
    """For people: which event types are not what they were; None where each decodes as it did.

    A field that is new and has a default changes nothing that was decoded before.
    """
    before, after = json.loads(then), json.loads(now)
    parts = [f"{name} is read now" for name in after if name not in before]
    parts += [f"{name} is not read any more" for name in before if name not in after]
    parts += [f"{name}: {what}" for name in after if name in before for what in _changes(before[name], after[name])]
    return ", ".join(parts) or None


@cache
def is_older(then: str, now: str) -> bool:
    """Whether the rows were made by whoever knows a later version of an event than this process."""
    before, after = json.loads(then), json.loads(now)
    return any(name in before and each["version"] < before[name]["version"] for name, each in after.items())


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if before["version"] != after["version"]:
        yield f"version {after['version']}, it was {before['version']}"
    elif before["names"] != after["names"]:
        yield "its names are others"
    elif before["upcasters"] != after["upcasters"]:
        yield "an upcaster is another one"
    elif "called" in before and before["called"] != after["called"]:
        # checkpoints of earlier releases have none
        yield "a function or a constant that an upcaster uses is another one"
    for name, field in after["fields"].items():
        was = before["fields"].get(name)
        if was is None and field["needed"]:
            yield f"field {name} is new and has no default"
        elif was is not None and was != field:
            yield f"field {name} is declared otherwise"
    for name in before["fields"]:
        if name not in after["fields"]:
            yield f"field {name} is gone"


def _types(projection: MemberProjection[Any] | Tally, catalogue: Catalogue) -> Iterable[EventType]:
    if isinstance(projection, Tally):
        if projection.reads_every_event:
            return catalogue
        return map(catalogue.type_of, projection.events)
    return map(catalogue.type_of, projection.steps)


def _declaration(known: EventType) -> Mapping[str, Any]:
    return _declared(known.model, known.names, known.version, tuple(sorted(known.upcasters.items())))


@cache
def _declared(
    model: type[Event],
    names: tuple[tuple[str, str], ...],
    version: int,
    upcasters: tuple[tuple[int, Callable[..., Any]], ...],
) -> Mapping[str, Any]:
    fields = dict(_fields(model, _stored_fields(model)))
    return {
        "version": version,
        "names": ["/".join(name) for name in names],
        "upcasters": _digest([_source(upcaster) for _, upcaster in upcasters]),
        "called": _digest(_used([inspect.unwrap(upcaster) for _, upcaster in upcasters])),
        "fields": {
            name: {"needed": field["needed"], "is": _digest([field, name == model.target_field])}
            for name, field in fields.items()
        },
    }


def _digest(of: Any) -> str:
    return sha256(json.dumps(of).encode()).hexdigest()[:_DIGITS]


def _stored_fields(model: type[Event]) -> list[str]:
    return sorted({*model.metadata_fields, *([model.target_field] if model.target_field is not None else [])})


def _fields(
    model: type[BaseModel], names: Iterable[str], within: tuple[type, ...] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in names:
        info = model.model_fields[name]
        default = None if info.default is PydanticUndefined else _value(info.default)
        kind = _type(info.annotation, (*within, model))
        yield name, {"type": kind, "needed": info.is_required(), "default": default}


def _type(hint: Any, within: tuple[type, ...]) -> Any:
    """The same in every release of Python, which spell a union in several ways. A model that has itself ends there."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type(parts[0], within)
    if origin in (Union, UnionType):
        return ["any of", *sorted(json.dumps(_type(part, within)) for part in parts)]
    if origin is not None:
        return [_name(origin), *(_type(part, within) for part in parts)]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return [hint.__name__, *sorted(str(_value(each.value)) for each in hint)]
    if isinstance(hint, type) and issubclass(hint, BaseModel) and hint not in within:
        return [hint.__name__, *_fields(hint, sorted(hint.model_fields), within)]
    return _name(hint)


def _name(hint: Any) -> str:
    return "None" if hint is NoneType else getattr(hint, "__name__", None) or str(hint)


def _value(value: Any) -> str:
    return to_json(value, fallback=lambda other: type(other).__name__).decode()


def _source(function: Callable[..., Any]) -> str | None:
    """What it does, without comments and layout; None where nobody can see it, and a change is not noticed."""
    try:
        tree = ast.parse(dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError, SyntaxError):
        return None
    return _shape(tree)


def _used(functions: list[Callable[..., Any]]) -> list[list[Any]]:
    """What the functions use of their own modules, and what that uses in turn: functions as `_source`, and constants.

    Of a constant its value counts, where it is one that can be written down. What a module imports is not looked at.
    """
    found: dict[tuple[str, str], Any] = {}
    waiting = list(functions)
    while waiting:
        function = waiting.pop()
        scope = getattr(function, "__globals__", {})
        module = str(scope.get("__name__"))
        for name in _names(getattr(function, "__code__", None)):
            value = scope.get(name)
            if name not in scope or (module, name) in found:
                continue
            if isinstance(value, FunctionType) and value.__module__ == module:
                found[module, name] = _source(value)
                waiting.append(value)
            elif isinstance(value, str | int | float | list | tuple | dict | set | frozenset):
                found[module, name] = _constant(value)
    # a module may be renamed
    return sorted(([name, is_now] for (_, name), is_now in found.items()), key=repr)


def _names(code: Any) -> Iterator[str]:
    """Those that a function, and the functions and comprehensions within it, may look up in its module."""
    if isinstance(code, CodeType):
        yield from code.co_names
        for part in code.co_consts:
            yield from _names(part)


def _constant(value: Any) -> str:
    return to_json(sorted(value, key=repr) if isinstance(value, set | frozenset) else value, fallback=repr).decode()


def _shape(node: Any) -> str:
    """Releases of Python have further fields, which are empty where an older one does not have them."""
    if isinstance(node, ast.AST):
        parts = [f"{name}={_shape(value)}" for name, value in ast.iter_fields(node) if value not in (None, [])]
        return f"{type(node).__name__}({','.join(parts)})"
    if isinstance(node, list):
        return f"[{','.join(map(_shape, node))}]"
    return repr(node)
