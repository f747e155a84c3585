"""Values of labels, of which there are never many: each one is a time series that Prometheus keeps."""

from collections.abc import Iterable
from typing import Final

OTHER: Final = "other"


class Bounded:
    """Lets the known values through, and further ones up to *most* in the order in which they come."""

    def __init__(self, known: Iterable[str] = (), *, most: int = 0) -> None:
        self._known = set(known)
        self._most = max(most, len(self._known))

    def __call__(self, value: str) -> str:
        if value in self._known:
            return value
        if len(self._known) < self._most:
            self._known.add(value)
            return value
        return OTHER
