"""A file of more than one chunk is parsed in a process of its own, and nobody notices."""

import errno
import gzip
import io
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import UnreadableFile
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.log.import_lines import Imported, import_lines
from temple_ledger.infrastructure.log.parser import Parser, ParserEnded, ParserProcess
from tests.log.builders import as_lines, line, rows

ENDS_WITHIN_MS = 20_000


def parser_of(source: io.BufferedIOBase) -> Parser:
    return Parser(source, CATALOGUE, None)  # type: ignore[arg-type]  # a BinaryIO in all but name


@contextmanager
def pipe() -> Iterator[tuple[io.BufferedReader, int]]:
    """What is written to the number is read from the file."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as file:
        try:
            yield file, writing
        finally:
            os.close(writing)


def test_chunks_come_as_they_are_asked_for_and_end_with_the_file() -> None:
    parser = parser_of(io.BytesIO(as_lines(*(line(f"member-{number}") for number in range(10)), {})))
    first = parser.next_chunk(3)
    with ParserProcess(parser, 4) as process:
        chunks = [first, process.next_chunk(2), process.next_chunk(9), process.next_chunk(9), process.next_chunk(9)]
    assert [None if chunk is None else len(chunk) for chunk in chunks] == [3, 4, 2, 2, None]
    entries = [chunk.entry(index, CATALOGUE) for chunk in chunks if chunk for index in range(len(chunk.numbers))]
    assert [entry.user_id for entry in entries] == [f"member-{number}" for number in range(10)]
    assert [reject.line for chunk in chunks if chunk for reject in chunk.rejects] == [11]


def test_a_damaged_file_is_an_error_here_and_the_chunks_before_it_stay(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "cut.jsonl.gz"
    # more than the blocks in which it is unpacked
    whole = gzip.compress(as_lines(*(line(f"member-{number}") for number in range(14_000))), compresslevel=1)
    file.write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(UnreadableFile, match="damaged or cut off"):
        import_lines(database, file, catalogue=CATALOGUE, most_lines=1_000)
    there = rows(database, "user_id")
    assert there == [f"member-{number}" for number in range(len(there))]
    assert len(there) >= 1_000


def test_a_parser_that_is_killed_is_an_error_and_what_was_stored_stays(database: Database) -> None:
    lines = as_lines(*(line(f"member-{number}") for number in range(50)))
    with pipe() as (source, _):
        parser = parser_of(source)
        with ParserProcess(parser, 10) as process:
            os.kill(process.pid, signal.SIGKILL)
            with pytest.raises(ParserEnded, match="import the file again"):
                process.next_chunk(10)
    assert import_lines(database, io.BytesIO(lines), catalogue=CATALOGUE, most_lines=7).added == 50


def test_signals_are_for_the_process_that_stores() -> None:
    with pipe() as (source, writing), ParserProcess(parser_of(source), 1) as process:
        os.write(writing, as_lines(line("ada")))
        assert process.next_chunk(1) is not None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(process.pid, number)
        os.write(writing, as_lines(line("grace")))
        found = process.next_chunk(1)
        assert found is not None
        assert found.entry(0, CATALOGUE).user_id == "grace"


def test_a_parser_ends_with_whoever_asked_it_also_while_it_waits_for_a_line() -> None:
    with pipe() as (source, writing):
        child = os.fork()
        if child == 0:
            os.close(writing)
            ParserProcess(parser_of(source), 1)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        source.close()
        # nobody reads from the pipe any more
        waiting = select.poll()
        waiting.register(writing, select.POLLERR)
        assert waiting.poll(ENDS_WITHIN_MS)


def test_an_import_that_is_stopped_ends_with_whole_chunks(database: Database) -> None:
    lines = as_lines(*(line(f"member-{number}") for number in range(100)))
    done: list[Imported] = []
    imported = import_lines(
        database,
        io.BytesIO(lines),
        catalogue=CATALOGUE,
        most_lines=10,
        progress=done.append,
        stopped=lambda: len(done) == 3,
    )
    assert (imported.read, imported.added, len(rows(database))) == (30, 30, 30)


def test_where_no_process_can_be_started_the_file_is_imported_all_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room() -> int:
        raise OSError(errno.EAGAIN, "no more processes")

    monkeypatch.setattr(os, "fork", no_room)
    there = len(list(Path("/dev/fd").iterdir()))
    lines = as_lines(*(line(f"member-{number}") for number in range(100)))
    assert import_lines(database, io.BytesIO(lines), catalogue=CATALOGUE, most_lines=10).added == 100
    assert len(list(Path("/dev/fd").iterdir())) == there
