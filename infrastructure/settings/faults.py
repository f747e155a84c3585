"""Why a setting cannot be what it is: its value, but never that of a secret, and what it has to be."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from temple_ledger.infrastructure.observability.redaction import scrubbed

OUR_OWN: Final = "Value error, "
"""What pydantic puts before a sentence of ours."""
LONGEST_SHOWN: Final = 60
NESTED: Final = {
    "missing": "it is missing",
    "string_type": "it has to be a text, in quotes",
    "path_type": "it has to be the path of a file, in quotes",
}


def is_secret(annotation: object) -> bool:
    """Whether a value of that type is one, or has one in it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(is_secret(field.annotation) for field in annotation.model_fields.values())
    return annotation is SecretStr or any(map(is_secret, get_args(annotation)))


def describe_fault(field: FieldInfo, error: ErrorDetails) -> str:
    """*error* is pydantic's, with the value in it."""
    if error["type"] == "value_error":
        return error["msg"].removeprefix(OUR_OWN)
    if error["type"] == "extra_forbidden":
        return f"there is no such key; there are {', '.join(sorted(set(_keys_of(field.annotation))))}"
    if len(error["loc"]) > 1:
        return NESTED.get(error["type"], "it has to be a table, { … }")
    wanted = required_of(field)
    if is_secret(field.annotation):
        return f"it has to be {wanted}"
    return f"it is {_shown(error['input'])}, and has to be {wanted}"


def required_of(field: FieldInfo) -> str:
    """`a whole number from 0 to 65535`."""
    kind = _kind_of(field.annotation)
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        return f"a {'whole ' if kind is int else ''}number{_bounds(field.metadata)}"
    if kind is Path:
        return "the path of a file or folder, in quotes"
    if (get_origin(kind) or kind) is dict:
        return "a table of temple.toml, or a JSON object"
    if (get_origin(kind) or kind) in (tuple, list):
        return "a list"
    return "a text, in quotes"


def _kind_of(annotation: Any) -> Any:
    """Without "or None", and without what it is annotated with."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kind_of(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return _kind_of(next(each for each in get_args(annotation) if each is not type(None)))
    return annotation


def _bounds(metadata: Iterable[object]) -> str:
    given = list(metadata)
    least = next((each.ge for each in given if hasattr(each, "ge")), None)
    most = next((each.le for each in given if hasattr(each, "le")), None)
    if least is None:
        return "" if most is None else f" of at most {most}"
    return f" of at least {least}" if most is None else f" from {least} to {most}"


def _keys_of(annotation: Any) -> Iterator[str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from annotation.model_fields
    for each in get_args(annotation):
        yield from _keys_of(each)


def _shown(value: object) -> str:
    text = scrubbed(repr(value))
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def place_in(loc: Sequence[int | str]) -> str:
    return ".".join(map(str, loc))
