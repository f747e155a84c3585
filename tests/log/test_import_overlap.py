"""One chunk of an import is committed while the rows of the next go in; the log looks as if they had taken turns."""

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.log_entry import entry_of_line
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.import_lines import Imported, import_lines
from tests.log.builders import as_lines, line, rows
from tests.log.faulty_wire import faulty_wire

WAIT_SECONDS = 60
CHUNK = 10


class Stopped(Exception):
    pass


def imported(database: Database, source: Any, **options: Any) -> Imported:
    return import_lines(database, source, catalogue=CATALOGUE, most_lines=CHUNK, **options)


def people(number: int) -> list[dict[str, Any]]:
    return [line(f"member-{each}") for each in range(number)]


@contextmanager
def slow_source(lines: list[dict[str, Any]]) -> Iterator[tuple[io.BufferedReader, io.BufferedWriter]]:
    """These lines, and no end of the file before the writer is closed."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb") as writer:
        writer.write(as_lines(*lines))
        writer.flush()
        yield source, writer


def test_an_event_that_somebody_appends_meanwhile_is_a_duplicate_and_the_others_stay_in_order(
    database: Database,
) -> None:
    lines = people(80)

    def append_one(done: Imported) -> None:
        if done.added == 20:
            with LogAppender(database) as appender:
                appender.append(entry_of_line(as_lines(lines[65]), catalogue=CATALOGUE))

    result = imported(database, io.BytesIO(as_lines(*lines)), progress=append_one)
    assert (result.added, result.duplicates, result.complete) == (79, 1, True)
    there = rows(database, "user_id")
    assert sorted(there) == sorted(each["user_id"] for each in lines)
    others = [each["user_id"] for each in lines if each is not lines[65]]
    assert [each for each in there if each != "member-65"] == others


def test_what_only_the_database_refuses_leaves_the_chunks_around_it_in_order(database: Database) -> None:
    with database.connect(DatabaseRole.OWNER) as owner:
        owner.execute("alter table webhook_audit_log add constraint no_mallory check (user_id <> 'mallory')")
    lines = people(60)
    given = [*lines[:25], line("mallory"), *lines[25:44], line("mallory"), *lines[44:]]
    result = imported(database, io.BytesIO(as_lines(*given)))
    assert (result.added, result.rejected) == (60, 2)
    assert rows(database, "user_id") == [each["user_id"] for each in lines]


def test_a_connection_that_is_lost_while_rows_go_in_loses_and_repeats_nothing(database: Database) -> None:
    lines = people(100)
    with faulty_wire(database) as wire:
        result = imported(
            wire.database,
            io.BytesIO(as_lines(*lines)),
            progress=lambda done: wire.lose_the_answer_to(b"PGCOPY") if done.added == 30 else None,
        )
    assert rows(database, "user_id") == [each["user_id"] for each in lines]
    assert result.added + result.duplicates == 100


def test_no_chunk_stays_open_while_the_rest_of_the_file_is_awaited(database: Database) -> None:
    arrived = threading.Event()
    results: list[Imported] = []

    def progress(done: Imported) -> None:
        if done.added == 2 * CHUNK:
            arrived.set()

    with slow_source(people(2 * CHUNK)) as (source, writer):
        thread = threading.Thread(target=lambda: results.append(imported(database, source, progress=progress)))
        thread.start()
        came = arrived.wait(WAIT_SECONDS)
        there = len(rows(database))
        writer.close()
        thread.join(WAIT_SECONDS)
    assert came
    assert there == 2 * CHUNK
    assert [each.added for each in results] == [2 * CHUNK]


def test_an_import_that_ends_early_waits_for_no_line(database: Database) -> None:
    ended = threading.Event()

    def stop(_: Imported) -> None:
        raise Stopped

    def run(source: io.BufferedReader) -> None:
        with pytest.raises(Stopped):
            imported(database, source, progress=stop)
        ended.set()

    with slow_source(people(CHUNK + 1)) as (source, writer):
        thread = threading.Thread(target=run, args=(source,))
        thread.start()
        in_time = ended.wait(WAIT_SECONDS)
        writer.close()
        thread.join(WAIT_SECONDS)
    assert in_time
    assert len(rows(database)) == CHUNK
