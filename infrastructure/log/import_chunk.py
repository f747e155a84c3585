"""Lines on their way into the log, as many as one transaction takes."""

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.log_entry import columns_of_line, entry_of
from temple_ledger.domain.role_names import ROLE_TYPE
from temple_ledger.infrastructure.log.admission import Admission
from temple_ledger.infrastructure.log.copy_row import copy_row
from temple_ledger.infrastructure.log.parsed_chunk import Doubtful, ParsedChunk, Pieces, Renamed
from temple_ledger.infrastructure.log.plain_lines import PlainLines, PlainRow
from temple_ledger.infrastructure.log.refusal import refusal
from temple_ledger.infrastructure.log.rejects import Reject
from temple_ledger.infrastructure.log.remarks import Remark, remarks_about


class Chunk:
    """Lines are added to it, each parsed and checked as it comes.

    The entries themselves are not stored in it: they are few that are asked for again, and many that the garbage
    collector would have to visit.
    """

    def __init__(self, catalogue: Catalogue, admission: Admission | None, plain: PlainLines) -> None:
        """Without an *admission*, every event is admitted as it is. *plain* are the lines of the file so far."""
        self.size = 0
        self.lines = 0
        self._catalogue = catalogue
        self._admission = admission
        self._plain = plain
        self._roles = None if admission is None else admission.roles
        self._numbers: list[int] = []
        self._texts: list[bytes] = []
        self._rows: list[bytes] = []
        self._event_ids: list[bytes] = []
        self._rejects: list[Reject] = []
        self._doubtful: list[Doubtful] = []
        self._renamed: dict[int, Renamed] = {}
        self._remarks: dict[int, tuple[Remark, ...]] = {}
        self._named_roles: set[str] = set()

    def add(self, number: int, text: bytes) -> None:
        """A line that is no event is rejected, with the reason."""
        self.lines += 1
        self.size += len(text)
        row = self._plain.read(text)
        if row is None:
            try:
                row = self._read(number, text)
            except InvalidEvent as error:
                self._rejects.append(Reject(number, error.reason, text))
        if row is not None:
            self._append(number, text, row)

    def _read(self, number: int, text: bytes) -> PlainRow | None:
        """With care. None for a doubtful line."""
        columns = columns_of_line(text)
        entry = entry_of(columns, self._catalogue)
        admitted = entry
        if self._admission is not None:
            try:
                admitted = self._admission.admit(columns, entry)
            except InvalidEvent as error:
                self._doubtful.append(Doubtful(entry, Reject(number, error.reason, text)))
                return None
        try:
            packed = copy_row(admitted)
        except UnicodeEncodeError as error:
            raise refusal(error) from None
        row = PlainRow(packed, admitted.event_id.bytes, remarks_about(admitted, self._catalogue, self._roles))
        if admitted is entry:
            self._plain.add(text, columns, entry, row)
        else:
            self._renamed[len(self._numbers)] = Renamed(admitted.user_id, admitted.target)
        if admitted.event_type == ROLE_TYPE and admitted.target is not None:
            self._named_roles.add(admitted.target)
        return row

    def _append(self, number: int, text: bytes, row: PlainRow) -> None:
        if row.remarks:
            self._remarks[len(self._numbers)] = row.remarks
        self._numbers.append(number)
        self._texts.append(text)
        self._rows.append(row.row)
        self._event_ids.append(row.event_id)

    def reject(self, number: int, reason: str, text: bytes) -> None:
        self._rejects.append(Reject(number, reason, text))
        self.lines += 1
        self.size += len(text)

    def parsed(self, read_bytes: int) -> ParsedChunk:
        return ParsedChunk(
            self._numbers,
            Pieces(self._texts),
            Pieces(self._rows),
            self._event_ids,
            self._rejects,
            self._doubtful,
            self._renamed,
            self._remarks,
            frozenset(self._named_roles),
            read_bytes,
        )
