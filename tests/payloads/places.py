"""A document with one of its values changed: at each place, to each value."""

import json
from collections.abc import Iterator
from typing import Any

MARK = "the value that is changed"


def places(document: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """The path of every value in it, objects and lists too."""
    yield path
    if isinstance(document, dict):
        for name, value in document.items():
            yield from places(value, *path, name)
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield from places(value, *path, number)


def changed(document: Any, path: tuple[Any, ...], value: str) -> str:
    """As JSON, with *value*, which need not be any, in the place of what is at *path*."""
    return json.dumps(_replaced(document, path)).replace(json.dumps(MARK), value, 1)


def _replaced(document: Any, path: tuple[Any, ...]) -> Any:
    if not path:
        return MARK
    first, *rest = path
    if isinstance(document, dict):
        return {**document, first: _replaced(document[first], tuple(rest))}
    return [*document[:first], _replaced(document[first], tuple(rest)), *document[first + 1 :]]
