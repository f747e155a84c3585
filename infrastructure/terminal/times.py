"""Times on the command line."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import click

from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.instant import parse_instant
from temple_ledger.infrastructure.queries import as_of as moment
from temple_ledger.infrastructure.terminal.printing import print_note

_OURS: Final = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?) UTC")
"""A time as our tables show it."""


class Time(click.ParamType[datetime]):
    name = "time"

    def __init__(self, parse: Callable[[str], datetime], hint: str) -> None:
        self._parse = parse
        self._hint = hint

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return self._parse(_OURS.sub(r"\1T\2Z", value.strip()))
        except InvalidEvent as error:
            return self.fail(f"{error.reason}; write {self._hint}", param, ctx)


_INSTANT: Final = "2026-03-01T18:00:00Z"
_OR_A_DATE: Final = f"{_INSTANT}, or a date such as 2026-03-01"

AT: Final = Time(parse_instant, _INSTANT)
"""An instant, with its offset."""

BEGINNING: Final = Time(moment.beginning, _OR_A_DATE)
"""A plain date is its beginning in UTC."""

END: Final = Time(moment.end, _OR_A_DATE)
"""A plain date is its end in UTC: the whole day counts."""


def note_still_to_come(_: click.Context, __: click.Parameter, value: datetime | None) -> datetime | None:
    for each in moment.still_to_come(value, datetime.now(UTC)):
        print_note(each)
    return value


as_of = click.option(
    "--as-of",
    type=END,
    metavar="TIME",
    callback=note_still_to_come,
    help="As it was then: folds what had occurred by TIME. An ISO 8601 time with its offset, or a date, "
    "whose whole day in UTC counts.",
)
known_at = click.option(
    "--known-at",
    type=END,
    metavar="TIME",
    help="As it was known then: only what the log had recorded by TIME, or by the end of a date.",
)
