"""What somebody may do who came through a platform: asked of it from time to time, and before each action."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from temple_ledger.domain.errors import PlatformUnavailable
from temple_ledger.infrastructure.sources.sign_in import AccountSignIn
from temple_ledger.infrastructure.web.rights import Right

ANEW_SECONDS: Final = 600.0
AGAIN_SECONDS: Final = 30.0
"""After the platform did not answer."""
MOST_PEOPLE: Final = 10_000


class AccountRights(NamedTuple):
    """`reason`: why it is not known now; `rights` are then None."""

    rights: frozenset[Right] | None
    reason: str = ""


class _Answer(NamedTuple):
    found: AccountRights
    until: float


class RightsBook:
    """In memory: whoever starts the console anew asks anew."""

    def __init__(self, ways: Mapping[str, AccountSignIn], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ways = ways
        self._clock = clock
        self._answers: dict[str, _Answer] = {}
        self._asking: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def of(self, person: str, *, anew: bool = False) -> AccountRights:
        """Of `SOURCE:ACCOUNT`. *anew*: what was answered before does not count."""
        with self._lock:
            asking = self._asking.setdefault(person, threading.Lock())
        with asking:
            answer = self._answers.get(person)
            if answer is None or anew or self._clock() >= answer.until:
                found = self._asked(person)
                seconds = AGAIN_SECONDS if found.rights is None else ANEW_SECONDS
                answer = _Answer(found, self._clock() + seconds)
                self._store(person, answer)
        return answer.found

    def _asked(self, person: str) -> AccountRights:
        how, _, account = person.partition(":")
        if how not in self._ways:
            return AccountRights(frozenset())
        try:
            names = self._ways[how].rights(account)
        except PlatformUnavailable as error:
            return AccountRights(None, str(error))
        return AccountRights(frozenset(right for right in Right if right in names))

    def _store(self, person: str, answer: _Answer) -> None:
        with self._lock:
            if len(self._answers) >= MOST_PEOPLE:
                self._answers.clear()
                self._asking.clear()
            self._answers[person] = answer
