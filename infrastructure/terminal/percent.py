"""Shares on the command line: `5%`."""

from typing import Any, Final

import click


class _Percent(click.ParamType[float]):
    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            share = float(value.removesuffix("%")) / 100
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self.fail(f"{value!r} is no share between 0% and 100%", param, ctx)
        return share


PERCENT: Final = _Percent()
"""As a share: 0.05 for `5%` and for `5`."""
