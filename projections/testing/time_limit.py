"""A rule that does not return fails its test, and is named, instead of holding the tests up for ever."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from temple_ledger.projections.endless_folds import endless_folds_end

LIMIT_SECONDS = 10.0
"""For one call of a rule."""

P = ParamSpec("P")
R = TypeVar("R")


def ends_in_time(method: Callable[P, R]) -> Callable[P, R]:
    @wraps(method)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        with endless_folds_end(LIMIT_SECONDS, min(1.0, LIMIT_SECONDS / 5)):
            return method(*args, **kwargs)

    return limited
