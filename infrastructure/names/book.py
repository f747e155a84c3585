"""The names that a listener has seen, in bounded memory."""

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from typing import Final

from temple_ledger.infrastructure.names.name import PersonName, best_first

MOST_NAMES: Final = 200_000
"""Some 80 MB; those that were seen or asked for last stay."""
MOST_WANTED: Final = 1_000
MOST_SEARCHES: Final = 20
LONGEST_NAME: Final = 100


class NameBook:
    """Filled by a source, asked by others, from any thread. What it lacks it notes as wanted, for the source."""

    def __init__(self, *, most_names: int = MOST_NAMES) -> None:
        self._names: OrderedDict[str, PersonName] = OrderedDict()
        self._most_names = most_names
        self._wanted: OrderedDict[str, None] = OrderedDict()
        self._nameless: OrderedDict[str, None] = OrderedDict()
        self._searches: deque[str] = deque(maxlen=MOST_SEARCHES)
        self._searched: deque[str] = deque(maxlen=MOST_SEARCHES)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._names)

    def see(self, user_id: str, name: PersonName) -> None:
        with self._lock:
            self._names[user_id] = name._replace(name=name.name[:LONGEST_NAME])
            self._names.move_to_end(user_id)
            self._wanted.pop(user_id, None)
            if len(self._names) > self._most_names:
                self._names.popitem(last=False)

    def has_none(self, user_id: str) -> None:
        """The platform has no name for this id: it is not wanted again for a while."""
        with self._lock:
            self._wanted.pop(user_id, None)
            self._nameless[user_id] = None
            if len(self._nameless) > MOST_WANTED:
                self._nameless.popitem(last=False)

    def of(self, user_ids: Iterable[str]) -> dict[str, PersonName]:
        """Those that are known; the others are wanted from now on."""
        found: dict[str, PersonName] = {}
        with self._lock:
            for user_id in user_ids:
                if user_id in self._names:
                    self._names.move_to_end(user_id)
                    found[user_id] = self._names[user_id]
                elif user_id not in self._nameless and len(self._wanted) < MOST_WANTED:
                    self._wanted[user_id] = None
        return found

    def find(self, text: str, limit: int) -> dict[str, PersonName]:
        """Whoever is called so, as far as it is known; the platform is searched for it too, once."""
        with self._lock:
            if text not in self._searches and text not in self._searched:
                self._searches.append(text)
            every = dict(self._names)
        return best_first({user_id: name for user_id, name in every.items() if name.is_called(text)}, text, limit)

    def is_searched(self, text: str) -> bool:
        """Whether the platform was searched for it."""
        return text in self._searched

    def wanted(self) -> str | None:
        """An id whose name somebody asked for; None where there is none."""
        with self._lock:
            return next(iter(self._wanted), None)

    def searches(self) -> Iterator[str]:
        """What somebody looked for; each once. Call `searched` when that is done, found or not."""
        while self._searches:
            yield self._searches.popleft()

    def searched(self, text: str) -> None:
        self._searched.append(text)
