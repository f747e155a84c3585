"""Patreon's side of a webhook: signed bodies, twin triggers, and a queue of what was not taken.

A failed delivery is tried again after an hour, three hours, a day and so on, as it was first written; when one is
taken again, all that had piled up follows at once. Time is what the test says it is.
"""

import hashlib
import hmac
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

Post = Callable[[str, bytes, str], bool]
"""Trigger, body, signature; whether it was taken, by a 2xx."""

RETRIES: Final = tuple(timedelta(hours=hours) for hours in (1, 3, 24, 72, 168, 168, 168))


@dataclass
class Queued:
    trigger: str
    body: bytes
    due: datetime
    attempt: int = 0


@dataclass
class Sender:
    post: Post
    secret: bytes = b"temple-ledger-test-secret"
    queue: list[Queued] = field(default_factory=list)
    failures: int = 0
    """In a row, as the webhook object says."""

    def tell(self, now: datetime, document: Mapping[str, Any], *triggers: str) -> None:
        """One user's action under all its triggers, in the order that is given."""
        body = json.dumps(document, ensure_ascii=False).encode()
        for trigger in triggers:
            self._send(Queued(f"members:{trigger}", body, now), now)

    def retry(self, now: datetime) -> None:
        """What is due by the schedule."""
        for each in [each for each in self.queue if each.due <= now]:
            if each in self.queue:
                self.queue.remove(each)
                self._send(each, now)

    def flush(self, now: datetime, order: random.Random) -> None:
        """All that piled up, in no order: somebody pressed the button."""
        waiting, self.queue = self.queue, []
        order.shuffle(waiting)
        for each in waiting:
            self._send(each, now)

    def _send(self, each: Queued, now: datetime) -> None:
        if self.post(each.trigger, each.body, self.sign(each.body)):
            self.failures = 0
            return
        self.failures += 1
        if each.attempt < len(RETRIES):
            self.queue.append(Queued(each.trigger, each.body, now + RETRIES[each.attempt], each.attempt + 1))

    def sign(self, body: bytes) -> str:
        return hmac.new(self.secret, body, hashlib.md5).hexdigest()
