"""Whole numbers on the command line: what is none, or is too great for the database, is refused in words."""

import re
from typing import Any, Final

import click

from temple_ledger.infrastructure.terminal.utf8 import with_its_own

GREATEST: Final = 2**63 - 1
"""Of a bigint: positions, ids of deliveries and limits go into one."""

_WHOLE: Final = re.compile(r"[+-]?[0-9]+")


class Whole(click.IntRange):
    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if not isinstance(value, int) and not _WHOLE.fullmatch(str(value)):
            self.fail(f"{str(value)!r} is no whole number", param, ctx)
        # longer than any number that is allowed, and than Python reads
        number = int(value) if len(str(value)) <= 100 else GREATEST + 1
        if abs(number) > GREATEST:
            self.fail(f"{str(value)[:30]} is greater than any number here", param, ctx)
        if (self.min is not None and number < self.min) or (self.max is not None and number > self.max):
            self.fail(f"{number} is not {self._bounds()}", param, ctx)
        return number

    def _bounds(self) -> str:
        if self.max is None:
            return f"{self.min} or more"
        return f"{self.max} or less" if self.min is None else f"between {self.min} and {self.max}"


def refuse_other_numbers(command: click.Command) -> click.Command:
    """Makes the command and each of its own read whole numbers so."""
    for each in with_its_own(command):
        for param in each.params:
            if param.type is click.INT:
                param.type = Whole()
            elif type(param.type) is click.IntRange:
                param.type = Whole(param.type.min, param.type.max)
    return command
