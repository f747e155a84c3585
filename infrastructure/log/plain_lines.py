"""Lines that are read at a glance: they differ from a line that was read with care in nothing but some of its texts.

A line without escapes, cut at its quotes, is what stands outside of texts and the texts, in turn. Where all pieces are
those of another line but for the texts of some columns, both are the same JSON but for these, and few questions are
left, of each of them by itself. Nearly every line of a file is read so, in less than half the time; every other one,
and whatever is wrong, is left to the careful way, which alone decides.
"""

import re
from binascii import unhexlify
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.instant import MOST_AHEAD, parse_instant
from temple_ledger.domain.log_entry import SHORTEST_LIMIT, LogEntry
from temple_ledger.domain.names import tidied
from temple_ledger.domain.recorded import decode_metadata
from temple_ledger.domain.role_names import ROLE_CHANGE, ROLE_TYPE
from temple_ledger.infrastructure.log.admission import ACTORS, Admission
from temple_ledger.infrastructure.log.copy_row import NO_TEXT, kind_columns, microseconds_of, packed_row, text_column
from temple_ledger.infrastructure.log.remarks import EARLIEST, About, Remark

MOST_TRIED: Final = 2_000
"""Lines whose form is looked at, each taking as long as ten others: a file of more forms is read with care."""
MOST_LAYOUTS: Final = 8
"""Of as many pieces: keys in an order that changes from line to line make hundreds."""
MOST_TARGETS: Final = 20_000
"""Remembered, of all forms together: those of most kinds are few, and of some as many as there are lines."""
LONGEST_METADATA: Final = 4_000
"""Bytes. Of a longer one more is asked."""

_COLUMNS: Final = frozenset(LogEntry._fields)
_TEXT: Final = re.compile(rb'"(\d+)"(?!:)')
"""A text, in JSON without spaces, that is no key."""
_FIXED: Final = ("event_type", "action", "source")
LENGTH_OF_ID: Final = 36
BYTES_OF_ID: Final = 16
_DASHES: Final = slice(8, 24, 5)


class PlainRow(NamedTuple):
    """What COPY is given for a line, and what is to be said of it."""

    row: bytes
    event_id: bytes
    remarks: tuple[Remark, ...]


class _Limit(NamedTuple):
    place: int
    shortest: int
    longest: int


class _Form(NamedTuple):
    """What lines have in common whose fixed pieces are equal; numbers are the places of other pieces.

    `metadata` has a gap for each text that `values` picks; `actors` are to be ids. `targets` are the plain ones that
    were met, packed.
    """

    event_id: int
    timestamp: int
    user_id: int
    target: int | None
    kind: bytes
    metadata: bytes | None
    values: Callable[[list[bytes]], Any] | None
    actors: tuple[int, ...]
    limits: tuple[_Limit, ...]
    target_limits: tuple[int, int]
    targets: dict[bytes, bytes]
    changes_role: bool
    remarks: tuple[Remark, ...]


class _Layout(NamedTuple):
    """Forms whose fixed pieces stand at the same places."""

    places: tuple[int, ...]
    fixed: Callable[[list[bytes]], tuple[bytes, ...]]
    forms: dict[tuple[bytes, ...], _Form]


class PlainLines:
    """Of one file: the forms of those lines that were read with care."""

    def __init__(self, catalogue: Catalogue, admission: Admission | None, *, most_tried: int = MOST_TRIED) -> None:
        """With 0 for *most_tried*, each line is read with care."""
        self._catalogue = catalogue
        self._roles = None if admission is None else admission.roles
        self._earliest = microseconds_of(EARLIEST)
        self._latest = None if admission is None else microseconds_of(admission.now + MOST_AHEAD)
        self._layouts: dict[int, list[_Layout]] = {}
        """By how many pieces there are."""
        self._left = most_tried
        self._targets_left = MOST_TARGETS

    def read(self, text: bytes) -> PlainRow | None:
        """None for a line that has to be read with care."""
        if not self._layouts:
            return None
        pieces = text.split(b'"')
        for _, fixed, forms in self._layouts.get(len(pieces), ()):
            form = forms.get(fixed(pieces))
            if form is not None:
                return self._read(pieces, form)
        return None

    def add(self, text: bytes, columns: Mapping[str, Any], entry: LogEntry, careful: PlainRow) -> None:
        """The form of a line that was read with care and admitted as it is: *careful* is what came of it."""
        if (
            self._left
            and columns.get("event_id") is not None
            and columns.keys() <= _COLUMNS
            and _is_plain(text.strip())
        ):
            self._left -= 1
            pieces = text.split(b'"')
            marked = _marked(pieces)
            form = self._form(marked, entry, careful.remarks)
            if form is not None and self._read(pieces, form) in (None, careful):
                layout = self._layout(pieces, marked)
                if layout is not None:
                    layout.forms.setdefault(layout.fixed(pieces), form)

    def _read(self, pieces: list[bytes], form: _Form) -> PlainRow | None:
        event_id, timestamp, user_id, target, kind, metadata, values, actors, limits, _, targets, _, remarks = form
        user = pieces[user_id]
        packed_id = _packed_id(pieces[event_id])
        microseconds = self._microseconds(pieces[timestamp])
        if packed_id is None or microseconds is None or not user.isdigit() or len(user) > SHORTEST_LIMIT:
            return None
        packed_target = NO_TEXT
        if target is not None:
            there = targets.get(pieces[target])
            if there is None:
                text = self._target(pieces[target], form)
                if text is None:
                    return None
                there = text_column(text)
                if self._roles is not None and form.changes_role and text not in self._roles:
                    remarks = (*remarks, Remark(About.UNKNOWN_ROLE, text))
                elif self._targets_left:
                    self._targets_left -= 1
                    targets[pieces[target]] = there
            packed_target = there
        if values is not None and metadata is not None:
            for place in actors:
                if not pieces[place].isdigit():
                    return None
            for place, shortest, longest in limits:
                if not shortest <= len(pieces[place]) <= longest:
                    return None
            metadata = metadata % values(pieces)
            if len(metadata) > LONGEST_METADATA or not _is_plain(metadata):
                return None
        return PlainRow(packed_row(packed_id, microseconds, kind, user, packed_target, metadata), packed_id, remarks)

    def _microseconds(self, piece: bytes) -> int | None:
        # any character may stand between day and time
        if piece[10:11] != b"T":
            return None
        try:
            microseconds = microseconds_of(parse_instant(piece.decode()))
        except (InvalidEvent, UnicodeDecodeError):
            return None
        is_usual = microseconds >= self._earliest and (self._latest is None or microseconds <= self._latest)
        return microseconds if is_usual else None

    def _target(self, piece: bytes, form: _Form) -> str | None:
        shortest, longest = form.target_limits
        if not shortest <= len(piece) <= longest or not _is_plain(piece):
            return None
        text = piece.decode()
        if text != tidied(text):
            return None
        if self._roles is None or not form.changes_role or text in self._roles:
            return text
        return text if text.isdigit() and not self._roles.is_name(text) else None

    def _form(self, columns: Mapping[str, Any], entry: LogEntry, remarks: Sequence[Remark]) -> _Form | None:
        """*columns* have the places of their texts. None where these are asked more than for digits and lengths."""
        known = self._catalogue.find(entry.event_type, entry.action)
        texts = None if known is None else known.texts
        if entry.event_type == ROLE_TYPE or any(each.about is About.UNREAD_KEY for each in remarks):
            return None
        if known is not None and (texts is None or not texts.fit(entry.target, decode_metadata(entry.metadata))):
            return None
        metadata = columns.get("metadata")
        found = metadata if isinstance(metadata, dict) else {}
        fields = [] if texts is None else [each for each in texts.metadata if isinstance(found.get(each.name), str)]
        wanted = None if texts is None else texts.target
        return _Form(
            int(columns["event_id"]),
            int(columns["timestamp"]),
            int(columns["user_id"]),
            None if entry.target is None else int(columns["target"]),
            kind_columns(entry.event_type, entry.action, entry.source),
            *_template(metadata),
            tuple(int(found[name]) for name in ACTORS if isinstance(found.get(name), str)),
            tuple(_Limit(int(found[name]), max(1, least), most) for name, least, most, *_ in fields),
            (1, SHORTEST_LIMIT) if wanted is None else (max(1, wanted.shortest), min(wanted.longest, SHORTEST_LIMIT)),
            {},
            entry.event_type == ROLE_CHANGE,
            tuple(each for each in remarks if each.about is About.UNREAD),
        )

    def _layout(self, pieces: Sequence[bytes], columns: Mapping[str, Any]) -> _Layout | None:
        """None where there are so many already that looking through them would cost more than it spares."""
        free = _places(columns) - {int(columns[name]) for name in _FIXED}
        places = tuple(place for place in range(len(pieces)) if place not in free)
        layouts = self._layouts.setdefault(len(pieces), [])
        for each in layouts:
            if each.places == places:
                return each
        if len(layouts) == MOST_LAYOUTS:
            return None
        layouts.append(_Layout(places, itemgetter(*places), {}))
        return layouts[-1]


def _marked(pieces: Sequence[bytes]) -> dict[str, Any]:
    """What the line says, with its place for each text that is no key."""
    marked = [
        b"%d" % place if place % 2 and not pieces[place + 1].lstrip().startswith(b":") else piece
        for place, piece in enumerate(pieces)
    ]
    columns: dict[str, Any] = from_json(b'"'.join(marked))
    return columns


def _places(marked: object) -> set[int]:
    return set(map(int, _TEXT.findall(to_json(marked))))


def _template(metadata: object) -> tuple[bytes | None, Callable[[list[bytes]], Any] | None]:
    """Of marked metadata, as it is stored: with gaps for its texts, and what picks these."""
    if metadata is None:
        return None, None
    compact = to_json(metadata)
    places = [int(place) for place in _TEXT.findall(compact)]
    if not places:
        return compact, None
    return _TEXT.sub(b'"%b"', compact.replace(b"%", b"%%")), itemgetter(*places)


def _packed_id(piece: bytes) -> bytes | None:
    """None for another spelling than the usual one."""
    if len(piece) != LENGTH_OF_ID or piece[_DASHES] != b"----":
        return None
    try:
        packed = unhexlify(piece.replace(b"-", b""))
    except ValueError:
        return None
    return packed if len(packed) == BYTES_OF_ID else None


def _is_plain(text: bytes) -> bool:
    """Whether JSON has the text as it stands: no escapes, and nothing that would need one."""
    return text.isascii() and b"\\" not in text and text.decode().isprintable()
