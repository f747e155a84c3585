"""Lanes as they are typed: numbers and ranges of them."""

import re
from collections.abc import Collection
from itertools import groupby
from typing import Any, Final

import click

from temple_ledger.projections.lanes import LANES

_PART: Final = re.compile(r"([0-9]{1,2})(?:-([0-9]{1,2}))?")


class LaneRange(click.ParamType[frozenset[int]]):
    name = "lanes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[int]:
        """Of a text as 0-7, or 0-3,12."""
        if isinstance(value, frozenset):
            return value
        lanes: set[int] = set()
        for part in str(value).split(","):
            matched = _PART.fullmatch(part.strip())
            first = int(matched[1]) if matched else LANES
            last = int(matched[2]) if matched and matched[2] else first
            if not first <= last < LANES:
                hint = f"write numbers from 0 to {LANES - 1}, as in 0-7 or 0-3,12"
                self.fail(f"{value!r} are no lanes; {hint}", param, ctx)
            lanes |= set(range(first, last + 1))
        return frozenset(lanes)


def as_typed(lanes: Collection[int]) -> str:
    """What `LaneRange` reads as these lanes: 0-7,12."""
    ordered = sorted(lanes)
    # of neighbours, what is left of each when its place is taken off is the same
    runs = [[lane for _, lane in run] for _, run in groupby(enumerate(ordered), lambda each: each[1] - each[0])]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
