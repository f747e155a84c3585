"""Lines on their way into the log, as many as one transaction takes."""

from collections.abc import Collection, Container

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.log_entry import LogEntry, entry_of_line
from temple_ledger.infrastructure.log.rejects import Reject


class Chunk:
    """Entries in the order of their lines, what COPY is given for them, and the lines that are no entries.

    The entries themselves are not kept: they are few that are asked for again, and many that the garbage collector
    would have to visit.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.numbers: list[int] = []
        self.texts: list[bytes] = []
        self.rejects: list[Reject] = []
        self.size = 0
        self._catalogue = catalogue
        self._rows: list[str] = []
        self._first: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.numbers) + len(self.rejects)

    def add(self, number: int, text: bytes) -> None:
        """Raises InvalidEvent, and keeps nothing of the line then."""
        event_id, row = copy_row(entry_of_line(text, self._catalogue))
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

    def copied(self, indexes: Collection[int]) -> bytes:
        """What COPY is given for these entries."""
        rows = self._rows if len(indexes) == len(self._rows) else [self._rows[index] for index in indexes]
        return "".join(rows).encode()

    def entry(self, index: int) -> LogEntry:
        return entry_of_line(self.texts[index], self._catalogue)

    def halves(self) -> "tuple[Chunk, Chunk]":
        """The entries, in two parts; without the rejects."""
        parts = Chunk(self._catalogue), Chunk(self._catalogue)
        for index, (number, text) in enumerate(zip(self.numbers, self.texts, strict=True)):
            parts[2 * index >= len(self.numbers)].add(number, text)
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
