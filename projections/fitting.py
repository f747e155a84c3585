"""Whether the values of a column can be stored, seen of all together: no function of Python's runs for each of them.

False is no verdict: then each value is looked at by itself.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import NoneType
from typing import Any

Fit = Callable[[Sequence[Any]], bool]


def texts_fit(most: int, *, null: bool) -> Fit:
    """Of at most so many characters."""

    def certain(values: Sequence[str]) -> bool:
        together = "".join(values)
        return _has_whole_characters(together) and "\x00" not in together and max(map(len, values)) <= most

    return _of_class(str, certain, null=null)


def numbers_fit(limit: int, *, null: bool) -> Fit:
    """Whole ones, at least -*limit* and below *limit*."""
    return _of_class(int, lambda values: -limit <= min(values) and max(values) < limit, null=null)


def times_fit(*, null: bool) -> Fit:
    """In UTC: each of them is within what a timestamptz holds, and can be read back."""
    return _of_class(datetime, lambda values: {value.tzinfo for value in values} == {UTC}, null=null)


def _of_class(kind: type, certain: Fit, *, null: bool) -> Fit:
    classes = {kind, NoneType} if null else {kind}

    def fit(values: Sequence[Any]) -> bool:
        found = set(map(type, values))
        given = [value for value in values if value is not None] if NoneType in found else values
        return found <= classes and (not given or certain(given))

    return fit


def _has_whole_characters(text: str) -> bool:
    """No half of one (a lone surrogate)."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return False
    return True
