"""Not faster than Patreon allows: a number of requests in a number of seconds, for several such limits at once.

100 in 2 seconds for a client, 100 in a minute for a token (docs.patreon.com, rate limits). Others may use the same
token, so not all of it is taken.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

LIMITS: Final[Sequence[tuple[int, float]]] = ((50, 2.0), (90, 60.0))


class RateLimit:
    """*monotonic* is in seconds; both are arguments so that tests need no patience."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        limits: Sequence[tuple[int, float]] = LIMITS,
    ) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._limits = limits
        self._turns: deque[float] = deque(maxlen=max(number for number, _ in limits))

    async def turn(self) -> None:
        """Returns when the next request may go out."""
        while (seconds := self._wait(self._monotonic())) > 0:
            await self._sleep(seconds)
        self._turns.append(self._monotonic())

    def _wait(self, now: float) -> float:
        waits = [self._turns[-number] + seconds - now for number, seconds in self._limits if len(self._turns) >= number]
        return max(waits, default=0.0)
