"""An answer that is too dear for every scrape: kept, and asked for again when it is old enough for what it costs."""

import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

Answer = TypeVar("Answer")

OLD_ENOUGH_SECONDS: Final = 60.0
SHARE: Final = 0.01
"""Of one processor of the server: an answer that took a second is kept for a hundred."""


class Cached(Generic[Answer]):
    def __init__(
        self,
        *,
        seconds: float = OLD_ENOUGH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until = float("-inf")
        self._answer: Answer | None = None

    def __call__(self, ask: Callable[[], Answer]) -> Answer:
        """Raises what *ask* raises; then it is not asked again at once either."""
        if self._answer is not None and self._clock() < self._until:
            return self._answer
        started = self._clock()
        try:
            self._answer = ask()
        finally:
            took = self._clock() - started
            self._until = started + max(self._seconds, took / SHARE)
        return self._answer

    def refresh(self) -> None:
        """The next call asks again."""
        self._until = float("-inf")
