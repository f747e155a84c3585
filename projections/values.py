"""What a column holds: why PostgreSQL would refuse a value, and as what it gives one back."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json, to_json

from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.log_entry import MOST_DIGITS, metadata_text


class ColumnType(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    BIGINT = "bigint"
    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    TIMESTAMPTZ = "timestamptz"
    DATE = "date"
    UUID = "uuid"
    JSONB = "jsonb"


BITS: Final = {ColumnType.INTEGER: 31, ColumnType.BIGINT: 63}
"""Of a whole number, without its sign."""

MOST_DIGITS_BEFORE_POINT: Final = 131_072
MOST_DIGITS_BEHIND_POINT: Final = 16_383
"""Of a numeric."""

_CLASSES: Final[Mapping[ColumnType, tuple[type, ...]]] = {
    ColumnType.NUMERIC: (int, Decimal),
    ColumnType.BOOLEAN: (bool,),
    ColumnType.DATE: (date,),
    ColumnType.UUID: (UUID,),
}
_WITH_EXPONENT: Final = re.compile(r"\d[eE]\+?\d")
_SMALL: Final = 64
"""Digits of a number whose size in an index nobody need look at."""


def why_refused(kind: ColumnType, length: int | None, value: Any) -> str | None:
    """Why PostgreSQL would refuse *value*, which is not None, or give it back as another; None if it would not."""
    if kind is ColumnType.TEXT:
        return _why_no_text(value, length)
    if kind in BITS:
        return _why_no_whole_number(value, kind)
    if kind is ColumnType.JSONB:
        return _why_no_json(value)
    if kind is ColumnType.TIMESTAMPTZ:
        return _why_no_time(value)
    if isinstance(value, Decimal) and not value.is_finite():
        return "is not a finite number"
    if not isinstance(value, _CLASSES[kind]) or isinstance(value, bool) is not (kind is ColumnType.BOOLEAN):
        return f"is a {type(value).__name__}, not a {kind.value}"
    if kind is ColumnType.NUMERIC:
        return _why_no_numeric(value)
    return "is not a date alone" if kind is ColumnType.DATE and isinstance(value, datetime) else None


def _why_no_text(value: Any, length: int | None) -> str | None:
    if not isinstance(value, str):
        return f"is a {type(value).__name__}, not a text"
    if length is not None and len(value) > length:
        return f"has {len(value)} characters, at most {length} fit"
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return "has half of a character (a lone surrogate)"
    return "has a NUL character" if "\x00" in value else None


def _why_no_whole_number(value: Any, kind: ColumnType) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return f"is a {type(value).__name__}, not a whole number"
    limit = 1 << BITS[kind]
    return None if -limit <= value < limit else f"is out of range: {kind} holds {-limit:,} to {limit - 1:,}"


def _why_no_time(value: Any) -> str | None:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        return "is not a time with an offset"
    try:
        value.astimezone(UTC)
    except OverflowError:
        return "is outside the years 1 to 9999 in UTC"
    return None


def _why_no_numeric(value: Any) -> str | None:
    if not isinstance(value, Decimal):
        # log10(2) is a little more than 3/10: this many bits are MOST_DIGITS digits or more
        return f"has more than {MOST_DIGITS:,} digits" if value.bit_length() * 3 > MOST_DIGITS * 10 else None
    if _digits_behind_point(value) > MOST_DIGITS_BEHIND_POINT or value.adjusted() >= MOST_DIGITS_BEFORE_POINT:
        return (
            f"is out of range: numeric holds {MOST_DIGITS_BEFORE_POINT:,} digits before the decimal point, "
            f"{MOST_DIGITS_BEHIND_POINT:,} behind it"
        )
    return None


def _digits_behind_point(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _why_no_json(value: Any) -> str | None:
    try:
        text = metadata_text(value)
    except InvalidEvent as error:
        return error.reason.replace("metadata", "the value", 1)
    if from_json(text) != value:
        return "is not of JSON's own kinds (dict, list, text, number, true, null)"
    if _WITH_EXPONENT.search(text) and _given_back(text) != value:
        return "has a number that jsonb would give back as another, as 1e23 comes back as 10 to the 23rd: take a text"
    return None


def numeric_as_stored(value: int | Decimal) -> Decimal:
    """A numeric has digits and a point: no exponent above zero, and no zero below zero."""
    number = Decimal(format(Decimal(value), "f"))
    return number.copy_abs() if number.is_zero() else number


def json_as_stored(value: Any) -> Any:
    """jsonb has keys in an order of its own, and its numbers are numeric."""
    return _given_back(to_json(value).decode())


def _given_back(text: str) -> Any:
    return json.loads(text, parse_float=_number_as_stored, object_pairs_hook=_in_order)


def _number_as_stored(text: str) -> int | float:
    plain = format(numeric_as_stored(Decimal(text)), "f")
    return float(plain) if "." in plain else int(plain)


def _in_order(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(sorted(pairs, key=lambda pair: (len(encoded := pair[0].encode()), encoded)))


def bytes_in_index(value: Any) -> int:
    """About as many as a value takes in an index, before anything is compressed."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    if isinstance(value, Decimal):
        digits = max(value.adjusted(), 0) + _digits_behind_point(value)
        return 16 if digits < _SMALL else digits // 2 + 16
    if isinstance(value, int):
        return value.bit_length() // 8 + 16
    return len(to_json(value)) if isinstance(value, list | dict) else 16
