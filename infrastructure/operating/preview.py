"""What would be changed, shown to somebody before it is; for some minutes only."""

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from temple_ledger.domain.errors import Refused

PREVIEW_SECONDS: Final = 900.0
MOST_LISTED: Final = 200
GONE: Final = (
    "this preview is gone: it is a quarter of an hour old, or was applied, or another one was made; look again"
)


@dataclass(frozen=True)
class Preview:
    """`number` are the members (of a tally, the counts) that would be changed, `people` the first of them.

    `seen` is what applying it compares with: only whoever made it reads it. `verification` is the number of a stored
    verification that has every difference.
    """

    action: str
    label: str
    number: int
    unit: str
    sentences: Sequence[str]
    people: Sequence[str]
    digest: str
    seen: Any = field(repr=False)
    verification: int | None = None
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))

    @property
    def data(self) -> Mapping[str, Any]:
        return {
            "id": self.id,
            "action": self.action,
            "label": self.label,
            "number": self.number,
            "unit": self.unit,
            "sentences": list(self.sentences),
            "people": list(self.people[:MOST_LISTED]),
            "digest": self.digest,
            "verification": self.verification,
        }


class Previews:
    """In memory, of this process. *forget* is called with each that nobody applied in time."""

    def __init__(self, forget: Callable[[Preview], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._forget = forget
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[float, Preview]] = {}

    def add(self, preview: Preview) -> None:
        """In the place of another one of the same projection."""
        self._withdrawn(lambda _, each: (each.action, each.label) == (preview.action, preview.label))
        with self._lock:
            self._waiting[preview.id] = (self._clock() + PREVIEW_SECONDS, preview)

    def find(self, preview_id: str, action: str) -> Preview:
        """Raises Refused."""
        with self._lock:
            until, found = self._waiting.get(preview_id, (0.0, None))
        if found is None or found.action != action or until <= self._clock():
            raise Refused(GONE)
        return found

    def withdraw(self, preview: Preview) -> None:
        """For whoever applies it, which only one may. Raises Refused."""
        if not self._withdrawn(lambda _, each: each.id == preview.id):
            raise Refused(GONE)

    def forget_old(self) -> None:
        now = self._clock()
        for each in self._withdrawn(lambda until, _: until <= now):
            self._forget(each)

    def _withdrawn(self, wanted: Callable[[float, Preview], bool]) -> list[Preview]:
        with self._lock:
            found = [each for until, each in self._waiting.values() if wanted(until, each)]
            for each in found:
                del self._waiting[each.id]
        return found
