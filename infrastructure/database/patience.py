"""How long a command that has an end waits for a database which does not answer, or takes no writes."""

import time
from collections.abc import Callable
from typing import Final

SECONDS: Final = 30.0


class Patience:
    """Begins anew with each success. A process that goes on until it is stopped is never out of it."""

    def __init__(self, *, has_end: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._has_end = has_end
        self._clock = clock
        self._failing_since: float | None = None

    def restore(self) -> None:
        self._failing_since = None

    def is_lost(self) -> bool:
        """Asked after each failure; the first one begins to count."""
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        return self._has_end and now - self._failing_since >= SECONDS
