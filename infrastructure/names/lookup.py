"""The names of people, as commands and the console ask for them: soon, or not at all."""

import json
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from temple_ledger.infrastructure.names.name import Names, PersonKind, PersonName, best_first
from temple_ledger.infrastructure.names.nicknames import FILE, Nicknames, NicknamesUnreadable
from temple_ledger.infrastructure.names.server import SOCKET, exchanged

DEADLINE_SECONDS: Final = 0.05
"""A name never holds up an answer for longer; then the id stands for it."""
SEARCH_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 0.1
MOST_AT_ONCE: Final = 5_000


class FoundNames(NamedTuple):
    """`searched`: the platform was asked as well, or there is none to ask; not where the listener was too slow."""

    names: Names
    searched: bool


class NameLookup:
    """Asks the listener of the state directory, then the file of nicknames. *note* is given what is wrong with it.

    *bots* have names that need no asking.
    """

    def __init__(
        self,
        home: Path,
        file: Path | None = None,
        *,
        bots: Names = MappingProxyType({}),
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._bots = bots
        self._socket = home / SOCKET
        self._nicknames = Nicknames(file or home / FILE)
        self._note = note
        self._noted = False

    def of(self, user_ids: Collection[str], *, deadline_seconds: float = DEADLINE_SECONDS) -> dict[str, PersonName]:
        """Those that are known. Never raises, and returns in time."""
        every = [user_id for user_id in dict.fromkeys(user_ids) if user_id]
        names = {user_id: self._bots[user_id] for user_id in every if user_id in self._bots}
        wanted = [user_id for user_id in every if user_id not in names][:MOST_AT_ONCE]
        if not wanted:
            return names
        found = self._asked({"of": wanted}, deadline_seconds)
        names |= {} if found is None else found.names
        if len(names) < len(every) and (offline := self._offline()):
            names |= {user_id: offline[user_id] for user_id in wanted if user_id not in names and user_id in offline}
        return names

    def file_with(self, user_ids: Collection[str]) -> Path | None:
        """The file of nicknames, where it has one of them."""
        return self._nicknames.file if self._offline().keys() & set(user_ids) else None

    def find(self, text: str, *, limit: int = 20, deadline_seconds: float = DEADLINE_SECONDS) -> FoundNames:
        """Whoever is called so, the best first: what is known at the deadline."""
        asked = self._asked({"find": text, "limit": limit}, deadline_seconds)
        offline = {user_id: name for user_id, name in self._offline().items() if name.is_called(text)}
        names = {**offline, **({} if asked is None else asked.names)}
        return FoundNames(best_first(names, text, limit), asked is None or asked.searched)

    def search(self, text: str, *, limit: int = 20, seconds: float = SEARCH_SECONDS) -> FoundNames:
        """As `find`, but it waits for the listener and for the platform, up to so many seconds."""
        deadline = time.monotonic() + seconds
        found = self.find(text, limit=limit, deadline_seconds=seconds)
        while not found.searched and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(AGAIN_SECONDS, left))
            found = self.find(text, limit=limit, deadline_seconds=max(left, DEADLINE_SECONDS))
        return found

    def _offline(self) -> dict[str, PersonName]:
        try:
            return self._nicknames.names()
        except NicknamesUnreadable as error:
            if not self._noted:
                self._noted = True
                self._note(str(error))
            return {}

    def _asked(self, request: dict[str, Any], seconds: float) -> FoundNames | None:
        """None where there is nobody to answer."""
        try:
            # the directory may be closed to this account
            if not self._socket.exists():
                return None
            sent = f"{json.dumps(request)}\n".encode()
            answered = json.loads(exchanged(self._socket, sent, time.monotonic() + seconds))
            names = {
                str(user_id): PersonName(str(name), PersonKind(kind), handle)
                for user_id, (name, kind, handle) in answered["names"].items()
            }
            return FoundNames(names, bool(answered["searched"]))
        except TimeoutError:
            return FoundNames({}, searched=False)
        except (OSError, ValueError, KeyError, TypeError):
            return None
