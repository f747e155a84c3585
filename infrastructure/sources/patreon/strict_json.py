"""JSON as a stranger sends it, or a reason why it is not read.

Python's parser takes what no database stores and no sender means: NaN, half characters, a thousand levels, numbers of
five thousand digits, one key twice with two values, UTF-16 by guess. None of it gets past here.
"""

import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from temple_ledger.domain.errors import UnreadableDelivery

MAX_DEPTH: Final = 64
MAX_DIGITS: Final = 18
"""Of a whole number: what a bigint holds."""


class UnreadableBody(UnreadableDelivery):
    """Not JSON that we read. The message never repeats the text."""


def read_json(raw: bytes) -> Any:
    """Raises UnreadableBody."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableBody(f"not UTF-8 (byte {error.start + 1})") from None
    if text.startswith("\ufeff"):
        raise UnreadableBody("begins with a byte order mark")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise UnreadableBody(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise _too_deep() from None
    _check(value)
    return value


def _check(value: object) -> None:
    """Depth and characters; without recursion, as the value may be deep."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for each in level for inner in _within(each)]
        if not level:
            return
    raise _too_deep()


def _within(value: object) -> Iterable[object]:
    """What a list or an object holds; one that holds nothing counts as a level all the same."""
    if isinstance(value, dict):
        for key in value:
            _check_text(key)
        return value.values() or (None,)
    if isinstance(value, list):
        return value or (None,)
    if isinstance(value, str):
        _check_text(value)
    return ()


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise UnreadableBody("a string with a NUL character")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise UnreadableBody("half of a character (a lone surrogate)")


def _too_deep() -> UnreadableBody:
    return UnreadableBody(f"nested deeper than {MAX_DEPTH} levels")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnreadableBody("an object with one key twice")
    return found


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise UnreadableBody(f"a number of more than {MAX_DIGITS} digits")
    return int(digits)


def _fraction(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:
        raise UnreadableBody("a number out of range") from None


def _constant(name: str) -> NoReturn:
    raise UnreadableBody(f"{name}, which is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_whole, parse_float=_fraction, parse_constant=_constant
)
