"""What the ledger has promised: kept outside of it, as whoever got the promise would keep it."""

import threading
from collections.abc import Iterable
from uuid import UUID


class Acknowledged:
    """Events that were acknowledged, by event_id with position and member; those that were rolled back for certain;
    deliveries that were answered with 200, by the SHA-256 of their bodies. What nobody heard of again is in none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.events: dict[UUID, tuple[int | None, str]] = {}
        self.rolled_back: set[UUID] = set()
        self.deliveries: set[bytes] = set()
        self.planted: set[str] = set()
        """Members whose rows were edited by hand."""
        self.erased: set[str] = set()

    def add_events(self, events: Iterable[tuple[UUID, int | None, str]]) -> None:
        """*position* None where it was not said."""
        with self._lock:
            self.events.update({event_id: (position, user_id) for event_id, position, user_id in events})

    def add_rolled_back(self, event_ids: Iterable[UUID]) -> None:
        with self._lock:
            self.rolled_back.update(event_ids)

    def add_delivery(self, digest: bytes) -> None:
        with self._lock:
            self.deliveries.add(digest)

    def plant(self, user_id: str) -> None:
        with self._lock:
            self.planted.add(user_id)

    def erase(self, user_id: str) -> None:
        with self._lock:
            self.erased.add(user_id)
