"""Who fails again and again is told so, and costs less."""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Final

BURST: Final = 20
REFILL_SECONDS: Final = 3.0
MOST_ADDRESSES: Final = 10_000


class FailureLimit:
    """So many failures of an address at once, then one each few seconds. In memory: no failure reaches the database.

    Says only who has failed too often. What is verified is taken from everybody: behind a proxy that does not say
    for whom it asks, all senders have one address.
    """

    def __init__(
        self,
        *,
        burst: int = BURST,
        refill_seconds: float = REFILL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._refill_seconds = refill_seconds
        self._clock = clock
        self._free_at: OrderedDict[str, float] = OrderedDict()
        """When all of an address's failures will be forgotten; those that failed last at the end."""

    def exceeded(self, address: str) -> bool:
        return self._debt(network_of(address)) > self._burst - 1

    def failed(self, address: str) -> bool:
        """Whether it was one too many."""
        network = network_of(address)
        debt = self._debt(network)
        if debt > self._burst - 1:
            return True
        self._free_at[network] = self._clock() + (debt + 1) * self._refill_seconds
        self._free_at.move_to_end(network)
        if len(self._free_at) > MOST_ADDRESSES:
            self._free_at.popitem(last=False)
        return False

    def _debt(self, network: str) -> float:
        """Failures that are not forgotten yet."""
        return max(0.0, self._free_at.get(network, 0.0) - self._clock()) / self._refill_seconds


def network_of(address: str) -> str:
    """Of IPv6 the half that one customer is given as a whole."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(int(parsed) >> 64)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
