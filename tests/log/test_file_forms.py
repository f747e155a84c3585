"""The forms in which people have events: the same events whatever the form, or one clear sentence."""

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO
from uuid import NAMESPACE_URL, uuid5

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import InvalidEvent, UnreadableFile
from temple_ledger.domain.log_entry import LogEntry, entry_of_line
from temple_ledger.infrastructure.log.file_forms import event_lines
from temple_ledger.infrastructure.log.json_values import json_values
from temple_ledger.infrastructure.log.lines import Line
from tests.log.builders import as_lines, line

EVENTS = [
    line("ada", event_id=...),
    line('Zoë, the "first"', target="Größe 🜚", event_id=..., metadata={"note": 'a "b", {c}\n[d]', "n": [1.5, {}]}),
    line("eve", minute=3),
]


def as_csv(delimiter: str) -> bytes:
    text = io.StringIO()
    names = list(line())
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(names)
    for event in EVENTS:
        cells = {**event, "metadata": json.dumps(event["metadata"]) if event["metadata"] else None}
        writer.writerow([cells.get(name) for name in names])
    return text.getvalue().encode()


LINES = as_lines(*EVENTS)
TEXT = LINES.decode()
FORMS: dict[str, bytes] = {
    "lines": LINES,
    "lines without an end": LINES.rstrip(),
    "empty lines between": LINES.replace(b"\n", b"\n\n \n"),
    "Windows ends of line": LINES.replace(b"\n", b"\r\n"),
    "lone carriage returns": LINES.replace(b"\n", b"\r"),
    "a mark at the beginning": b"\xef\xbb\xbf" + LINES,
    "marks between lines": b"".join(b"\xef\xbb\xbf" + each + b"\n" for each in LINES.splitlines()),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16, little end first, no mark": TEXT.encode("utf-16-le"),
    "UTF-16, big end first, no mark": TEXT.encode("utf-16-be"),
    "UTF-16, a mark for each line": "".join(f"\ufeff{each}\n" for each in TEXT.splitlines()).encode("utf-16"),
    "UTF-32": TEXT.encode("utf-32"),
    "UTF-16, lone carriage returns": TEXT.replace("\n", "\r").encode("utf-16"),
    "gzip": gzip.compress(LINES),
    "gzip of UTF-16": gzip.compress(TEXT.encode("utf-16")),
    "two gzip files behind each other": gzip.compress(LINES[:100]) + gzip.compress(LINES[100:]),
    "an array": json.dumps(EVENTS).encode(),
    "an array, printed": json.dumps(EVENTS, indent=2).encode(),
    "an array behind space": b"\n \n" + json.dumps(EVENTS).encode(),
    "an array, not escaped": json.dumps(EVENTS, ensure_ascii=False).encode(),
    "objects, printed": "\n".join(json.dumps(each, indent=2) for each in EVENTS).encode(),
    "an array in UTF-16, gzipped": gzip.compress(json.dumps(EVENTS, ensure_ascii=False).encode("utf-16")),
    "CSV": as_csv(","),
    "CSV with semicolons": as_csv(";"),
    "CSV with tabs": as_csv("\t"),
    "CSV in UTF-16": as_csv(",").decode().encode("utf-16"),
    "CSV of a spreadsheet": b"\xef\xbb\xbf" + as_csv(";"),
    "CSV, gzipped": gzip.compress(as_csv(",")),
}


class Pipe(io.RawIOBase):
    """Gives a few bytes at a time, and cannot go back."""

    def __init__(self, text: bytes, at_once: int) -> None:
        self._text, self._at_once = text, at_once

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._at_once, len(self._text))
        buffer[:count], self._text = self._text[:count], self._text[count:]
        return count


def piped(text: bytes, at_once: int = 7) -> BinaryIO:
    return io.BufferedReader(Pipe(text, at_once))


def entries(source: BinaryIO) -> list[LogEntry]:
    found = list(event_lines(source))
    assert [each.problem for each in found] == [None] * len(found)
    return [entry_of_line(each.text, CATALOGUE) for each in found]


@pytest.mark.parametrize("opened", [io.BytesIO, piped])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_same_events(form: str, opened: Callable[[bytes], BinaryIO]) -> None:
    expected = [entry_of_line(json.dumps(event), CATALOGUE) for event in EVENTS]
    assert [each._replace(metadata=None) for each in entries(opened(FORMS[form]))] == [
        each._replace(metadata=None) for each in expected
    ]
    assert [json.loads(each.metadata or "null") for each in entries(opened(FORMS[form]))] == [
        event["metadata"] for event in EVENTS
    ]


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("history.jsonl", LINES)
    return file.getvalue()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (zipped(), "ZIP"),
        (bz2.compress(LINES), "bzip2"),
        (lzma.compress(LINES), "xz"),
        (b"SQLite format 3\x00rest", "SQLite"),
        (b"PAR1rest", "Parquet"),
        (gzip.compress(gzip.compress(LINES)), "compressed twice"),
        (gzip.compress(LINES)[:-12], "damaged or cut off"),
        (gzip.compress(zipped()), "ZIP"),
        (b"date,member,role,what\n2024-05-01,ada,Oracle,added\n", "header of this CSV has 'date'"),
        (b"timestamp,event_type,user_id,action\n", "header of this CSV lacks 'source'"),
        (b"timestamp,timestamp,event_type,user_id,action,source\n", "names a column twice"),
        (TEXT.encode("utf-16")[:-1], "is not; save it as UTF-8"),
    ],
)
def test_another_form_is_named(text: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableFile, match=sentence):
        list(event_lines(io.BytesIO(text)))


def packed_lines() -> bytes:
    """Many that do not look alike, so that what is packed of them has some length."""
    return as_lines(*(line(str(uuid5(NAMESPACE_URL, str(number))), minute=number % 60) for number in range(200)))


CUT_OFF = "the compressed file is damaged or cut off behind line {}; get it again"
ALTERED = (
    "the compressed file is damaged: its {} lines are not what was packed; get it again, and retract what an import "
    "added of them"
)
DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut off within a line": (lambda packed: packed[: len(packed) // 2], CUT_OFF),
    "without its end": (lambda packed: packed[:-4], CUT_OFF),
    "with something behind it": (lambda packed: packed + b"more", CUT_OFF),
    "with another sum": (lambda packed: packed[:-8] + bytes(4) + packed[-4:], ALTERED),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_of_a_damaged_file_every_line_before_the_damage_is_read_and_counted(how: str) -> None:
    damage, sentence = DAMAGED[how]
    whole = packed_lines()
    found: list[Line] = []
    lines = event_lines(io.BytesIO(damage(gzip.compress(whole))))
    with pytest.raises(UnreadableFile) as caught:
        found.extend(lines)
    assert 0 < len(found) <= 200
    assert (len(found) == 200) == (how != "cut off within a line")
    assert [each.text for each in found] == whole.splitlines(keepends=True)[: len(found)]
    assert str(caught.value) == sentence.format(len(found))


def problems(text: bytes) -> list[tuple[int, str | None]]:
    return [(each.number, each.problem) for each in event_lines(io.BytesIO(text))]


def test_a_line_has_the_number_on_which_it_begins() -> None:
    printed = json.dumps(EVENTS, indent=2).encode()
    starts = [number for number, text in enumerate(printed.splitlines(), start=1) if text == b"  {"]
    assert [number for number, _ in problems(printed)] == starts


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        (b'[{"a": 1}, {"b": 2}', "cut off"),
        (b'[{"a": 1}, {"b": ', "not JSON"),
        (b'[{"a": 1}, {"b": 2} {"c": 3}]', "comma is missing"),
        (b'[{"a": 1}, {"b": 2}] more', "follows the array"),
        (b'[{"a": 1}, {"b": 2},, {"c": 3}]', "not JSON"),
    ],
)
def test_an_array_that_breaks_off_says_where(end: bytes, sentence: str) -> None:
    found = problems(end)
    assert [problem for _, problem in found if problem is not None] == [found[-1][1]]
    assert sentence in str(found[-1][1])


def test_bad_rows_of_a_csv_are_refused_alone() -> None:
    text = (
        as_csv(",") + b"one,two\n" + b"2024-05-01T10:00:00Z,x,ada,x,,{bad,test,\n" + as_csv(",").splitlines()[1] + b"\n"
    )
    assert [problem is None for _, problem in problems(text)] == [True, True, True, False, False, True]


@pytest.mark.parametrize("block", [1, 2, 3, 5, 64])
def test_values_are_whole_wherever_a_block_ends(block: int) -> None:
    text = json.dumps(EVENTS, ensure_ascii=False, indent=1).encode()
    found: list[Line] = list(json_values(io.BytesIO(text), block=block))
    assert [json.loads(each.text) for each in found] == EVENTS


def test_lines_come_through_a_pipe_as_they_are_written() -> None:
    """Nothing waits for a block to be full: an import may be fed by a program that goes on."""
    taken: list[int] = []

    class Feed(Pipe):
        def readinto(self, buffer: Any) -> int:
            count = super().readinto(buffer)
            taken.append(count)
            return count

    first = next(event_lines(io.BufferedReader(Feed(LINES * 100, len(LINES.splitlines()[0]) + 1))))
    assert first.number == 1
    assert len(taken) <= 2


HEADER = b"timestamp,event_type,user_id,action,target,metadata,source\n"
ROW = b"2024-05-01T10:00:00Z,discord_join,ada,joined,,,manual\n"


@pytest.mark.parametrize("first", [b"sep=%s\n", b"SEP=%s\r\n", b'"sep=%s"\n'])
@pytest.mark.parametrize("separator", [b",", b";", b"\t", b"|"])
def test_a_table_may_name_its_separator_to_a_spreadsheet(first: bytes, separator: bytes) -> None:
    text = first % separator + (HEADER + ROW).replace(b",", separator)
    (found,) = event_lines(io.BytesIO(text))
    assert (found.number, json.loads(found.text)["user_id"], found.problem) == (3, "ada", None)


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("open_cell", [b'"', b'"Oracle', b'"Ora\ncle'])
def test_a_quote_that_never_closes_is_named_by_its_line(open_cell: bytes, end: bytes) -> None:
    broken = ROW.replace(b"joined,,", b"joined," + open_cell + b",").rstrip()
    problem = "the quote that begins on line 3 never closes; nothing behind it was read"
    assert problems(HEADER + ROW + broken + end) == [(2, None), (3, problem)]
    assert problems(HEADER + ROW + broken + b"\n" + ROW * 3) == [(2, None), (3, problem)]


def test_a_quote_that_opens_in_a_later_line_of_a_row_is_named_by_that_line() -> None:
    row = b'2024-05-01T10:00:00Z,discord_join,"a\nb",joined,"x,,manual\n'
    ((number, problem),) = problems(HEADER + row + ROW)
    assert (number, problem) == (2, "the quote that begins on line 3 never closes; nothing behind it was read")


def test_a_quote_that_is_closed_by_the_next_one_swallows_nothing_silently() -> None:
    broken, quoted = ROW.replace(b"joined,,", b'joined,"x,'), ROW.replace(b"joined,,", b'joined,"y",')
    ((number, problem), *rest) = problems(HEADER + broken + quoted + ROW)
    assert (number, rest) == (2, [(4, None)])
    assert problem is not None
    assert "is a quote missing?" in problem


@pytest.mark.parametrize(
    "text", [b'timestamp,event_type,user_id,action,source,"target\n' + ROW, HEADER + ROW + b'"' + b"x\n" * 6_000_000]
)
def test_a_quote_that_swallows_the_header_or_very_much_is_named_too(text: bytes) -> None:
    with pytest.raises(UnreadableFile, match="never closes"):
        list(event_lines(io.BytesIO(text)))


@pytest.mark.parametrize("cell", ['{"a": 1, "a": 2}', '{"b": [{"a": 1, "a": 1}]}'])
def test_a_key_twice_in_a_cell_is_refused_as_it_is_in_a_line(cell: str) -> None:
    quoted = cell.replace('"', '""').encode()
    row = ROW.replace(b",,,manual", b',,"' + quoted + b'",manual')
    assert problems(HEADER + row) == [(2, "metadata: the key 'a' stands twice in one object")]


HALF = '{"note": "\\ud83d"}'
"""JSON has a way to write half of a character, and PostgreSQL none to store it."""


def test_half_of_a_character_in_a_cell_is_refused_as_it_is_in_a_line() -> None:
    quoted = HALF.replace('"', '""').encode()
    row = ROW.replace(b",,,manual", b',,"' + quoted + b'",manual')
    ((number, problem),) = problems(HEADER + row)
    assert (number, problem) == (
        2,
        "metadata: not JSON that the log can keep: half of a character (a lone surrogate) at column 17",
    )


def test_a_cell_brings_no_column_of_its_own() -> None:
    row = ROW.replace(b",,,manual", b',,"1, ""target"": ""Oracle""",manual')
    ((_, problem),) = problems(HEADER + row)
    assert problem == "metadata: not JSON that the log can keep: trailing characters at column 2"


def test_a_number_that_nobody_reads_back_is_refused_alone_in_every_form() -> None:
    number = "9" * 10_000
    texts = [json.dumps(each) for each in (line("ada"), line("bob"), line("eve"))]
    texts[1] = texts[1].replace('"bob"', f'"bob", "metadata": {{"n": {number}}}')
    for text in ("\n".join(texts), f"[{', '.join(texts)}]"):
        reasons = [_refused(each.text) for each in event_lines(io.BytesIO(text.encode()))]
        assert [reason and reason.partition(" at ")[0] for reason in reasons] == [
            None,
            "not JSON that the log can keep: number out of range",
            None,
        ]


def _refused(text: bytes) -> str | None:
    try:
        entry_of_line(text, CATALOGUE)
    except InvalidEvent as error:
        return error.reason
    return None
