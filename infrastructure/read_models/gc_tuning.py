"""Rarer garbage collections, where little of what is allocated is garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ALLOCATIONS: Final = 200_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """For folds of many members, and pages of many rows: they allocate much and make no cycles but those of errors.

    Cycles are still collected, every few thousand members, so that memory stays flat.
    """
    before = gc.get_threshold()
    gc.set_threshold(ALLOCATIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
