"""Lines on their way into the log, as many as one transaction takes."""

from collections import Counter
from collections.abc import Collection, Container
from typing import NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.log_entry import LogEntry, columns_of_line, entry_of, entry_of_line
from temple_ledger.infrastructure.log.admission import Admission
from temple_ledger.infrastructure.log.rejects import Reject
from temple_ledger.infrastructure.log.remarks import Remark, remarks_about


class Doubtful(NamedTuple):
    """An event that is not admitted, unless the log has it already: then it is a duplicate like any other."""

    entry: LogEntry
    reject: Reject


class Chunk:
    """Entries in the order of their lines, what COPY is given for them, and the lines that are no entries.

    The entries themselves are not kept: they are few that are asked for again, and many that the garbage collector
    would have to visit.
    """

    def __init__(self, catalogue: Catalogue, admission: Admission | None = None) -> None:
        """Without an *admission*, every event is admitted as it is."""
        self.numbers: list[int] = []
        self.texts: list[bytes] = []
        self.rejects: list[Reject] = []
        self.doubtful: list[Doubtful] = []
        self.size = 0
        self._catalogue = catalogue
        self._admission = admission
        self._admitted: dict[int, LogEntry] = {}
        """Those that are stored with other names than their lines have."""
        self._remarks: dict[int, tuple[Remark, ...]] = {}
        self._rows: list[str] = []
        self._first: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.numbers) + len(self.rejects) + len(self.doubtful)

    def add(self, number: int, text: bytes) -> None:
        """Raises InvalidEvent for a line that is no event, and nothing of it is stored then."""
        columns = columns_of_line(text)
        entry = entry_of(columns, self._catalogue)
        if self._admission is not None:
            try:
                admitted = self._admission.admit(columns, entry)
            except InvalidEvent as error:
                self.doubtful.append(Doubtful(entry, Reject(number, error.reason, text)))
                self.size += len(text)
                return
            if admitted is not entry:
                self._admitted[len(self.numbers)] = admitted
            entry = admitted
        self._append(number, text, entry)

    def _append(self, number: int, text: bytes, entry: LogEntry) -> None:
        event_id, row = copy_row(entry)
        remarks = remarks_about(entry, self._catalogue, None if self._admission is None else self._admission.roles)
        if remarks:
            self._remarks[len(self.numbers)] = remarks
        self._first.setdefault(event_id, len(self.numbers))
        self.numbers.append(number)
        self.texts.append(text)
        self._rows.append(row)
        self.size += len(text)

    def reject(self, number: int, reason: str, text: bytes) -> None:
        self.rejects.append(Reject(number, reason, text))
        self.size += len(text)

    @property
    def event_ids(self) -> list[str]:
        """Each once, in the order of their first lines, as 32 digits."""
        return list(self._first)

    def new(self, known: Container[str]) -> dict[str, int]:
        """Those that are not *known*, with the index of the first entry that has them, in the order of the lines."""
        return {event_id: index for event_id, index in self._first.items() if event_id not in known}

    def remarks(self, indexes: Collection[int]) -> Counter[Remark]:
        """What is to be said of these entries, and of how many."""
        return Counter(each for index, remarks in self._remarks.items() if index in indexes for each in remarks)

    def copied(self, indexes: Collection[int]) -> bytes:
        """What COPY is given for these entries."""
        rows = self._rows if len(indexes) == len(self._rows) else [self._rows[index] for index in indexes]
        return "".join(rows).encode()

    def entry(self, index: int) -> LogEntry:
        """As it is stored."""
        return self._admitted.get(index) or self.entry_as_written(index)

    def entry_as_written(self, index: int) -> LogEntry:
        return entry_of_line(self.texts[index], self._catalogue)

    def halves(self) -> "tuple[Chunk, Chunk]":
        """The entries, in two parts; without the rejects and the doubtful ones."""
        parts = Chunk(self._catalogue, self._admission), Chunk(self._catalogue, self._admission)
        for index, (number, text) in enumerate(zip(self.numbers, self.texts, strict=True)):
            part = parts[2 * index >= len(self.numbers)]
            if index in self._admitted:
                part._admitted[len(part.numbers)] = self._admitted[index]
            part._append(number, text, self.entry(index))
        return parts


def copy_row(entry: LogEntry) -> tuple[str, str]:
    """The event_id as 32 digits, and the entry in COPY's text format, as `log_copy.sql` has it."""
    event_id, timestamp, event_type, user_id, action, target, metadata, source = entry
    digits = event_id.hex
    texts = f"{event_type}{user_id}{action}{target}{source}"
    if "\\" in texts or not texts.isprintable():
        event_type, user_id, action, source = map(_escaped, (event_type, user_id, action, source))
        target = None if target is None else _escaped(target)
    if target is None:
        target = "\\N"
    # JSON text has backslashes, but no bare tab or end of line
    metadata = "\\N" if metadata is None else metadata.replace("\\", "\\\\")
    row = f"{digits}\t{timestamp.isoformat()}\t{event_type}\t{user_id}\t{action}\t{target}\t{metadata}\t{source}\n"
    return digits, row


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
