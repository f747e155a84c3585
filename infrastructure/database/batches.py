"""A long stream in pieces."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def in_pages(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of *size* items, the last one shorter; none for no items."""
    rest = iter(items)
    while page := list(islice(rest, size)):
        yield page
