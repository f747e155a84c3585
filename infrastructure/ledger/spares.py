"""Connections and the like, lent to one thread at a time and used again by the next."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, Protocol, TypeVar


class Closeable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=Closeable)


class Spares(Generic[T]):
    """As many as are in use at once; what somebody failed with is closed, and not lent again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._spare: deque[T] = deque()
        self._closed = False

    @contextmanager
    def lent(self) -> Iterator[T]:
        try:
            one = self._spare.pop()
        except IndexError:
            one = self._make()
        try:
            yield one
        except BaseException:
            one.close()
            raise
        self._spare.append(one)
        if self._closed:
            self.close()

    def close(self) -> None:
        self._closed = True
        with suppress(IndexError):
            while True:
                self._spare.pop().close()
