"""The log of a test without a database: what was given, in the order of its positions."""

from collections.abc import Iterable
from difflib import get_close_matches
from uuid import UUID

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import UnknownName
from temple_ledger.domain.event import Event
from temple_ledger.domain.log_entry import LogEntry, entry_of_event, recorded_of
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded


class GivenLog:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.recorded: list[Recorded] = []
        self.before_when: int | None = None
        """How many there were before the last `when`; None where there was none."""

    def given(self, events: Iterable[Event | LogEntry]) -> None:
        for each in events:
            position = Position(len(self.recorded) + 1)
            entry = entry_of_given(each, UUID(int=position), self._catalogue)
            self.recorded.append(recorded_of(entry)._replace(position=position))

    def when(self, events: Iterable[Event | LogEntry]) -> None:
        self.before_when = len(self.recorded)
        self.given(events)

    def require_member(self, user_id: str) -> None:
        """Raises AssertionError where nothing was given of a member: whatever a test says of one is true then."""
        given = sorted({recorded.user_id for recorded in self.recorded})
        if user_id not in given:
            names = ", ".join(get_close_matches(user_id, given, n=3, cutoff=0.5) or given[:5]) or "nobody"
            raise AssertionError(f"no event of {user_id!r} was given; there are events of {names}")


def entry_of_given(given: Event | LogEntry, event_id: UUID, catalogue: Catalogue) -> LogEntry:
    """Raises UnknownName for a row under a name that is no event's, EventMisdeclared for an event without a name."""
    if not isinstance(given, LogEntry):
        # whatever else it is, it is refused there
        return entry_of_event(given, event_id=event_id, catalogue=catalogue)
    if catalogue.find(given.event_type, given.action) is None:
        name = f"{given.event_type}/{given.action}"
        every = sorted("/".join(each) for known in catalogue for each in known.names)
        raise UnknownName("event", name, tuple(get_close_matches(name, every, n=3, cutoff=0.5)))
    return given._replace(event_id=event_id)
