"""What an import of a file would do, with nothing written."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, Final, NamedTuple

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import EventConflict, InvalidEvent
from temple_ledger.domain.log_entry import LogEntry, columns_of_line, entry_of
from temple_ledger.domain.role_names import ROLE_CHANGE
from temple_ledger.infrastructure.log.admission import Admission
from temple_ledger.infrastructure.log.comparison import LoggedEvent, compare
from temple_ledger.infrastructure.log.file_forms import event_lines
from temple_ledger.infrastructure.log.lines import Line

LINES_AT_A_TIME: Final = 2_000
MOST_PROBLEMS: Final = 5


class Problem(NamedTuple):
    line: int
    reason: str


@dataclass
class CheckedFile:
    """Of the lines that were read, `new` would be added, `duplicates` are in the log or stand twice in the file, and
    `retracted` are in the log and would count again; the others are `refused`, the first of them in `problems`.

    `kinds`, `members`, `first` and `last` are of all but the refused ones. `unknown_roles` are targets of role events
    that neither the ledger nor the file names; `unread` are kinds that no projection reads.
    """

    read: int = 0
    new: int = 0
    duplicates: int = 0
    retracted: int = 0
    refused: int = 0
    problems: list[Problem] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    unknown_roles: Counter[str] = field(default_factory=Counter)
    renamed: int = 0
    first: datetime | None = None
    last: datetime | None = None
    users: set[str] = field(default_factory=set)
    event_ids: set[int] = field(default_factory=set)

    def refuse(self, line: int, reason: str) -> None:
        self.refused += 1
        self.problems.append(Problem(line, reason))
        self.problems.sort()
        del self.problems[MOST_PROBLEMS:]


class _Read(NamedTuple):
    """A line as it was written and as it would be stored; `doubt` is why it would not."""

    line: int
    written: LogEntry
    stored: LogEntry
    doubt: str | None = None


def check_lines(
    source: BinaryIO, admission: Admission, catalogue: Catalogue, connection: psycopg.Connection[Any] | None
) -> CheckedFile:
    """Without a *connection*, as an empty ledger would take it. Raises UnreadableFile and psycopg.Error."""
    checked = CheckedFile()
    lines = event_lines(source)
    while page := list(islice(lines, LINES_AT_A_TIME)):
        checked.read += len(page)
        events = list(_read(page, admission, catalogue, checked))
        logged = {} if connection is None else _look_up(connection, events)
        for place, event in enumerate(events):
            _sort(checked, admission, catalogue, event, logged.get(place))
    return checked


def _read(page: Sequence[Line], admission: Admission, catalogue: Catalogue, checked: CheckedFile) -> Iterator[_Read]:
    for number, text, _, problem in page:
        try:
            if problem is not None:
                raise InvalidEvent(problem)
            columns = columns_of_line(text)
            written = entry_of(columns, catalogue)
        except InvalidEvent as error:
            checked.refuse(number, error.reason)
            continue
        try:
            yield _Read(number, written, admission.admit(columns, written))
        except InvalidEvent as error:
            yield _Read(number, written, written, error.reason)


def _look_up(connection: psycopg.Connection[Any], events: Sequence[_Read]) -> dict[int, LoggedEvent]:
    found = compare(connection, [event.stored for event in events])
    other = [place for place, each in found.items() if not each.same]
    for place, each in compare(connection, [events[place].written for place in other]).items():
        found[other[place]] = each
    return found


def _sort(
    checked: CheckedFile, admission: Admission, catalogue: Catalogue, event: _Read, logged: LoggedEvent | None
) -> None:
    entry, known = event.stored, logged is not None and logged.same
    if event.doubt is not None and not known:
        checked.refuse(event.line, event.doubt)
        return
    if logged is not None and not logged.same:
        checked.refuse(event.line, str(EventConflict(str(entry.event_id), logged.position)))
        return
    key = entry.event_id.int
    if key in checked.event_ids:
        checked.duplicates += 1
    elif logged is None:
        checked.new += 1
    elif logged.retracted:
        checked.retracted += 1
    else:
        checked.duplicates += 1
    checked.event_ids.add(key)
    _describe(checked, admission, catalogue, event)


def _describe(checked: CheckedFile, admission: Admission, catalogue: Catalogue, event: _Read) -> None:
    entry = event.stored
    kind = f"{entry.event_type}/{entry.action}"
    checked.kinds[kind] += 1
    checked.users.add(entry.user_id)
    checked.renamed += entry != event.written
    checked.first = entry.timestamp if checked.first is None else min(checked.first, entry.timestamp)
    checked.last = entry.timestamp if checked.last is None else max(checked.last, entry.timestamp)
    if catalogue.find(entry.event_type, entry.action) is None:
        checked.unread[kind] += 1
    if entry.event_type == ROLE_CHANGE and entry.target and entry.target not in admission.roles:
        checked.unknown_roles[entry.target] += 1
