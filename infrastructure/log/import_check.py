"""What an import of a file would do, with nothing written."""

import json
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
from temple_ledger.domain.position import Position
from temple_ledger.domain.role_names import ROLE_TYPE
from temple_ledger.infrastructure.log.admission import Admission
from temple_ledger.infrastructure.log.comparison import LoggedEvent, compare
from temple_ledger.infrastructure.log.file_forms import event_lines
from temple_ledger.infrastructure.log.lines import Line
from temple_ledger.infrastructure.log.remarks import Remark, remarks_about, without_named

LINES_AT_A_TIME: Final = 2_000


class Problem(NamedTuple):
    line: int
    reason: str


@dataclass
class CheckedFile:
    """Of the lines that were read, `new` would be added, `duplicates` are in the log or stand twice in the file, and
    `retracted` are in the log at these positions and would count again; the others are `refused`, and in `problems`.

    `kinds`, `members`, `first`, `last` and `remarks` are of all but the refused ones.
    """

    read: int = 0
    new: int = 0
    duplicates: int = 0
    retracted: set[Position] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    remarks: Counter[Remark] = field(default_factory=Counter)
    renamed: int = 0
    first: datetime | None = None
    last: datetime | None = None
    users: set[str] = field(default_factory=set)
    contents: dict[int, int] = field(default_factory=dict)
    """Of the events so far, by event_id, a hash of what would be stored."""

    @property
    def refused(self) -> int:
        return len(self.problems)

    def refuse(self, line: int, reason: str) -> None:
        self.problems.append(Problem(line, reason))


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
    checked.problems.sort()
    checked.remarks = without_named(checked.remarks, admission.roles)
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
    if logged is None and not _is_same_as_before(checked, key, event):
        checked.refuse(event.line, f"event_id {entry.event_id} stands in the file before, with another content")
        return
    if logged is None and key not in checked.contents:
        checked.new += 1
    elif logged is not None and logged.retracted and logged.position not in checked.retracted:
        checked.retracted.add(logged.position)
    else:
        checked.duplicates += 1
    checked.contents.setdefault(key, _content(entry))
    _describe(checked, admission, catalogue, event)


def _describe(checked: CheckedFile, admission: Admission, catalogue: Catalogue, event: _Read) -> None:
    entry = event.stored
    kind = f"{entry.event_type}/{entry.action}"
    checked.kinds[kind] += 1
    if entry.event_type != ROLE_TYPE:
        # of an event of a role, it is who made it, or the guild
        checked.users.add(entry.user_id)
    checked.renamed += entry != event.written
    checked.remarks.update(remarks_about(entry, catalogue, admission.roles))
    checked.first = entry.timestamp if checked.first is None else min(checked.first, entry.timestamp)
    checked.last = entry.timestamp if checked.last is None else max(checked.last, entry.timestamp)


def _is_same_as_before(checked: CheckedFile, key: int, event: _Read) -> bool:
    """As it would be stored, or as it was written; true where it stands in the file for the first time."""
    before = checked.contents.get(key)
    return before is None or before in (_content(event.stored), _content(event.written))


def _content(entry: LogEntry) -> int:
    """Equal for what the log would call the same: order of keys and spelling of numbers do not matter."""
    metadata = None if entry.metadata is None else _frozen(json.loads(entry.metadata))
    return hash((*entry[1:6], metadata, entry.source))


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset((key, _frozen(each)) for key, each in value.items())
    if isinstance(value, list):
        return tuple(_frozen(each) for each in value)
    return (value,) if isinstance(value, bool) else value
