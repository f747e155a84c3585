"""Lines as a parser gives them to whoever stores them: ready to be copied, and cheap to pass between processes."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.log_entry import LogEntry, entry_of_line
from temple_ledger.infrastructure.log.copy_row import COPY_BEGINS, COPY_ENDS
from temple_ledger.infrastructure.log.rejects import Reject
from temple_ledger.infrastructure.log.remarks import Remark


class Doubtful(NamedTuple):
    """An event that is not admitted, unless the log has it already: then it is a duplicate like any other."""

    entry: LogEntry
    reject: Reject


class Renamed(NamedTuple):
    """What an entry is stored with where its line has other names."""

    user_id: str
    target: str | None


class Pieces:
    """Byte strings stored as one: a thousand of them are copied as fast as one."""

    __slots__ = ("_bytes", "_ends")

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._bytes = b"".join(pieces)
        self._ends = array("Q", accumulate(map(len, pieces), initial=0))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> bytes:
        return self._bytes[self._ends[index] : self._ends[index + 1]]

    def picked(self, indexes: Iterable[int]) -> "Pieces":
        return Pieces([self[index] for index in indexes])

    def runs(self, indexes: Iterable[int]) -> Iterator[bytes]:
        """Those pieces, the ones that stand side by side as one."""
        begin = end = 0
        for index in indexes:
            if index != end:
                yield self._bytes[self._ends[begin] : self._ends[end]]
                begin = index
            end = index + 1
        yield self._bytes[self._ends[begin] : self._ends[end]]


@dataclass(frozen=True)
class ParsedChunk:
    """Entries in the order of their lines, and the lines that are no entries.

    `rows` are what COPY is given, `event_ids` 16 bytes each. `renamed` and `remarks` are by
    index; `named_roles` are those that its lines name. `read_bytes` is how far the source was read by its end.
    """

    numbers: Sequence[int]
    texts: Pieces
    rows: Pieces
    event_ids: Sequence[bytes]
    rejects: Sequence[Reject]
    doubtful: Sequence[Doubtful]
    renamed: Mapping[int, Renamed]
    remarks: Mapping[int, tuple[Remark, ...]]
    named_roles: frozenset[str]
    read_bytes: int

    def __len__(self) -> int:
        return len(self.numbers) + len(self.rejects) + len(self.doubtful)

    def new(self, *known: Collection[bytes]) -> dict[bytes, int]:
        """The event_ids that are in none of *known*, each with the index of the first entry that has it, in order."""
        ids = self.event_ids
        # in the order of their first entries, which the second pass, backwards, leaves as they stand
        first = dict(zip(ids, range(len(ids)), strict=True))
        if len(first) < len(ids):
            first.update(zip(reversed(ids), range(len(ids) - 1, -1, -1), strict=True))
        for each in known:
            for event_id in first.keys() & each:
                del first[event_id]
        return first

    def remarks_on(self, indexes: Collection[int]) -> Counter[Remark]:
        """What is to be said of these entries, and of how many."""
        return Counter(each for index, remarks in self.remarks.items() if index in indexes for each in remarks)

    def copied(self, indexes: Collection[int]) -> bytes:
        """What COPY is given for these entries."""
        return b"".join((COPY_BEGINS, *self.rows.runs(indexes), COPY_ENDS))

    def entry(self, index: int, catalogue: Catalogue) -> LogEntry:
        """As it is stored."""
        written = self.entry_as_written(index, catalogue)
        renamed = self.renamed.get(index)
        return written if renamed is None else written._replace(**renamed._asdict())

    def entry_as_written(self, index: int, catalogue: Catalogue) -> LogEntry:
        return entry_of_line(self.texts[index], catalogue)

    def halves(self) -> "tuple[ParsedChunk, ParsedChunk]":
        """The entries, in two parts; without the rejects and the doubtful ones."""
        middle = (len(self.numbers) + 1) // 2
        return self._part(range(middle)), self._part(range(middle, len(self.numbers)))

    def _part(self, indexes: range) -> "ParsedChunk":
        place = {index: place for place, index in enumerate(indexes)}
        return ParsedChunk(
            [self.numbers[index] for index in indexes],
            self.texts.picked(indexes),
            self.rows.picked(indexes),
            [self.event_ids[index] for index in indexes],
            rejects=(),
            doubtful=(),
            renamed={place[index]: names for index, names in self.renamed.items() if index in place},
            remarks={place[index]: each for index, each in self.remarks.items() if index in place},
            named_roles=self.named_roles,
            read_bytes=self.read_bytes,
        )
