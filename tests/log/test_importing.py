"""Every good line once, in order; every bad one with its number and the reason."""

import io
import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.domain.log_entry import entry_of_line
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.import_lines import Imported, import_lines
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.log.wakeup import Wakeup
from tests.log.builders import as_lines, line, rows
from tests.log.faulty_wire import faulty_wire


def imported(database: Database, text: bytes, **options: Any) -> Imported:
    return import_lines(database, io.BytesIO(text), catalogue=CATALOGUE, **options)


def rejects_in(path: Path) -> list[Mapping[str, Any]]:
    return [json.loads(each) for each in path.read_text(encoding="utf-8").splitlines()]


def test_lines_are_stored_as_an_append_would_store_them(database: Database) -> None:
    strange = line(
        'back\\slash\ttab\nline\r"quote"',
        target="Größe 🜚 \u200b",
        metadata={"note": 'tab\there, "so"\nand \\ so', "deep": [[1, 2.5, None, True]], "π": "≈3"},
    )
    nothing = line("\\N", target="\\N", metadata=None)
    array = line("list", metadata=[1, "two"])
    appended = [line(**{**each, "event_id": line()["event_id"]}) for each in (strange, nothing, array)]
    imported(database, as_lines(strange, nothing, array))
    with LogAppender(database) as appender:
        appender.append_many([entry_of_line(json.dumps(each), catalogue=CATALOGUE) for each in appended])
    found = rows(database, "timestamp, event_type, user_id, action, target, metadata, source")
    assert found[:3] == found[3:]
    assert [row[2] for row in found[:3]] == [strange["user_id"], "\\N", "list"]
    assert found[0][5] == strange["metadata"]


@pytest.mark.parametrize(
    "timestamp",
    [
        "0001-01-01T00:00:00+00:00",
        "1999-12-31T23:59:59.999999+00:00",
        "2000-01-01T00:00:00.000001+00:00",
        "9999-12-31T23:59:59.999999+00:00",
    ],
)
def test_a_time_is_stored_to_the_microsecond(database: Database, timestamp: str) -> None:
    imported(database, as_lines(line(timestamp=timestamp)))
    assert rows(database, "to_char(timestamp at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')") in (
        [timestamp],
        [timestamp.replace("T00:00:00+", "T00:00:00.000000+")],
    )


def test_positions_keep_the_order_of_the_lines(database: Database) -> None:
    lines = [line(f"member-{number}") for number in range(1_050)]
    result = imported(database, as_lines(*lines), most_lines=100)
    assert rows(database, "user_id") == [each["user_id"] for each in lines]
    positions = rows(database)
    assert (result.read, result.added, result.duplicates) == (1_050, 1_050, 0)
    assert (result.first, result.last) == (positions[0], positions[-1])
    assert result.complete


def test_an_import_that_is_repeated_adds_nothing_and_draws_no_positions(database: Database) -> None:
    text = as_lines(*(line(f"member-{number}") for number in range(300)))
    first = imported(database, text)
    again = imported(database, text)
    assert (first.added, again.added, again.duplicates) == (300, 0, 300)
    assert (again.first, again.last) == (None, None)
    imported(database, as_lines(line("after")))
    assert rows(database)[-1] == 301


def test_lines_without_an_event_id_are_recognised_by_their_content(database: Database) -> None:
    one, other = line("ada", event_id=...), line("ada", minute=1, event_id=...)
    reordered = dict(reversed(one.items())) | {"timestamp": "2026-01-02T13:00:00+01:00"}
    result = imported(database, as_lines(one, other, reordered))
    assert (result.added, result.duplicates) == (2, 1)


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_of_two_lines_with_one_event_id_the_first_counts(database: Database, tmp_path: Path, chunk: int) -> None:
    first = line("ada")
    other = {**first, "user_id": "eve"}
    rejects = tmp_path / "rejects.jsonl"
    result = imported(
        database,
        as_lines(first, line("grace"), first, other, line("mary")),
        most_lines=chunk,
        rejects=rejects,
    )
    assert (result.added, result.duplicates, result.conflicts, result.rejected) == (3, 1, 1, 0)
    assert rows(database, "user_id") == ["ada", "grace", "mary"]
    [reject] = rejects_in(rejects)
    assert reject["line"] == 4
    assert "another content" in reject["reason"]
    assert json.loads(reject["text"]) == other
    assert not result.complete


def test_a_line_that_contradicts_the_log_is_refused(database: Database, tmp_path: Path) -> None:
    first = line("ada")
    imported(database, as_lines(first))
    rejects = tmp_path / "rejects.jsonl"
    result = imported(database, as_lines(line("grace"), {**first, "target": "x"}, first), rejects=rejects)
    assert (result.added, result.duplicates, result.conflicts) == (1, 1, 1)
    assert [reject["line"] for reject in rejects_in(rejects)] == [2]


LONG = 10 * 1024 * 1024

BAD: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "not JSON"),
    "two objects": (b"{} {}", "not JSON"),
    "no object": (b"[1, 2]", "not a JSON object"),
    "latin-1": (json.dumps(line("Jos\xe9"), ensure_ascii=False).encode("latin-1"), "not UTF-8 (byte "),
    "utf-16": (json.dumps(line()).encode("utf-16-le"), "not "),
    "a lone surrogate": (as_lines(line("\ud83d")), "not JSON"),
    "a NUL byte": (b"\x00", "not JSON"),
    "a field that is missing": (as_lines(line(source=...)), "source is missing"),
    "a timestamp that is missing": (as_lines(line(timestamp=...)), "timestamp is missing"),
    "a field that is null": (as_lines({**line(), "action": None}), "action is missing"),
    "a field that is empty": (as_lines(line(user_id="")), "user_id is empty"),
    "a field that is no string": (as_lines({**line(), "user_id": 7}), "user_id is not a string"),
    "a field that is too long": (as_lines(line("x" * 101)), "user_id has 101 characters, at most 100 fit"),
    "a target that is too long": (as_lines(line(target="x" * 101)), "target has 101 characters"),
    "an unknown key": (as_lines(line(member="ada")), "unknown key 'member'"),
    "no UUID": (as_lines(line(event_id="7")), "event_id is not a UUID"),
    "a timestamp without an offset": (as_lines(line(timestamp="2026-01-02T12:00:00")), "has no offset"),
    "a timestamp out of range": (
        as_lines(line(timestamp="12026-01-02T12:00:00Z")),
        "between the years 1 and 9999",
    ),
    "a timestamp out of range in UTC": (as_lines(line(timestamp="0001-01-01T00:00:00+14:00")), "in UTC"),
    "no timestamp": (as_lines(line(timestamp="yesterday")), "is not an ISO 8601 time"),
    "a timestamp of digits": (as_lines({**line(), "timestamp": 1_700_000_000}), "timestamp is not a string"),
    "a NUL in a field": (as_lines(line("a\x00b")), "user_id has a NUL character"),
    "a NUL in metadata": (as_lines(line(metadata={"a": ["\x00"]})), "metadata has a NUL character"),
    "a NUL in a key": (as_lines(line(metadata={"\x00": 1})), "metadata has a NUL character"),
    "an integer of 5,000 digits": (
        as_lines(line(metadata={})).replace(b"{}", b'{"n":' + b"9" * 5000 + b"}"),
        "not JSON",
    ),
    "a number out of range": (
        as_lines(line(metadata={})).replace(b"{}", b'{"n":1e400}'),
        "number out of range",
    ),
    "not a number": (as_lines(line(metadata={})).replace(b"{}", b'{"n":NaN}'), "not JSON"),
    "nesting": (as_lines(line(metadata={})).replace(b"{}", b"[" * 100 + b"]" * 100), "nested deeper than 64"),
    "bottomless nesting": (b"[" * 100_000, "not JSON"),
    "a role event without a role": (
        as_lines(line(event_type="discord_role_change", action="added")),
        "target is missing",
    ),
    "a tier that is too long": (
        as_lines(line(event_type="patreon_membership", action="started", target="x" * 51)),
        "target has 51 characters",
    ),
    "a line without end": (b'{"metadata": "' + b"x" * LONG + b'"}', "the line has 10,485,7"),
}


@pytest.mark.parametrize(("bad", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_told_and_the_others_are_kept(
    database: Database, tmp_path: Path, bad: bytes, reason: str
) -> None:
    rejects = tmp_path / "rejects.jsonl"
    text = as_lines(line("ada")) + bad.rstrip(b"\n") + b"\n" + as_lines(line("grace"))
    result = imported(database, text, rejects=rejects)
    assert rows(database, "user_id") == ["ada", "grace"]
    assert (result.read, result.added, result.rejected, result.complete) == (3, 2, 1, False)
    assert result.read_bytes == len(text)
    [reject] = rejects_in(rejects)
    assert reject["line"] == 2
    assert reason in reject["reason"]
    assert "\n" not in reject["reason"]
    assert len(reject["reason"]) < 300
    assert len(reject["text"]) <= 10_001


def test_metadata_that_is_a_list_is_kept(database: Database) -> None:
    assert imported(database, as_lines(line(metadata=[1, 2]))).added == 1


def test_empty_lines_are_passed_over_and_counted_for_the_number(database: Database, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    text = b"\n \n" + as_lines(line("ada")) + b"\r\n\t\n" + b"{}\r\n" + as_lines(line("grace")).rstrip()
    result = imported(database, text, rejects=rejects)
    assert (result.read, result.added, result.rejected) == (3, 2, 1)
    assert [reject["line"] for reject in rejects_in(rejects)] == [6]


def test_a_file_whose_name_is_no_text_is_imported(database: Database, tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"caf\xe9.jsonl")
    file.write_bytes(as_lines(line("ada")))
    assert import_lines(database, file, catalogue=CATALOGUE).added == 1


def test_an_empty_file_is_no_error(database: Database, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    assert import_lines(database, empty, rejects=tmp_path / "rejects.jsonl", catalogue=CATALOGUE) == Imported()
    assert not (tmp_path / "rejects.jsonl").exists()


def test_a_rejected_line_that_was_mended_can_be_imported(database: Database, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    imported(database, as_lines(line("ada", timestamp="2026-01-02T12:00:00")), rejects=rejects)
    [reject] = rejects_in(rejects)
    mended = json.loads(reject["text"]) | {"timestamp": "2026-01-02T12:00:00Z"}
    assert imported(database, as_lines(mended)).added == 1


def test_rejects_are_in_the_order_of_the_lines_and_for_their_owner_only(database: Database, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    first = line("ada")
    other = {**first, "user_id": "eve"}
    result = imported(database, as_lines(first, {}, other, {}, line("grace"), other, {}), most_lines=2, rejects=rejects)
    assert (result.added, result.rejected, result.conflicts) == (2, 3, 2)
    assert [reject["line"] for reject in rejects_in(rejects)] == [2, 3, 4, 6, 7]
    assert rejects.stat().st_mode & 0o777 == 0o600


def test_what_only_the_database_refuses_is_rejected_too(database: Database, tmp_path: Path) -> None:
    """A rule that this code does not know, found by halves."""
    with database.connect(DatabaseRole.OWNER) as owner:
        owner.execute("alter table webhook_audit_log add constraint no_mallory check (user_id <> 'mallory')")
    rejects = tmp_path / "rejects.jsonl"
    names = ["ada", "mallory", "grace", "mary", "mallory"]
    result = imported(database, as_lines(*map(line, names)), rejects=rejects)
    assert (result.added, result.rejected) == (3, 2)
    assert rows(database, "user_id") == ["ada", "grace", "mary"]
    assert [(reject["line"], reject["reason"]) for reject in rejects_in(rejects)] == [
        (number, "the database cannot hold it (SQLSTATE 23514, no_mallory)") for number in (2, 5)
    ]


class Stopped(Exception):
    pass


def stop_after(calls: int) -> Callable[[Imported], None]:
    seen: list[Imported] = []

    def progress(imported: Imported) -> None:
        seen.append(imported)
        if len(seen) == calls:
            raise Stopped

    return progress


@pytest.mark.parametrize("chunks", [1, 2, 5])
def test_an_interrupted_import_is_run_again(database: Database, chunks: int) -> None:
    lines = [line(f"member-{number}") for number in range(95)]
    with pytest.raises(Stopped):
        imported(database, as_lines(*lines), most_lines=10, progress=stop_after(chunks))
    there = len(rows(database))
    assert there >= 10 * chunks
    result = imported(database, as_lines(*lines), most_lines=10)
    assert (result.duplicates, result.added) == (there, 95 - there)
    assert rows(database, "user_id") == [each["user_id"] for each in lines]


def test_progress_tells_what_is_committed(database: Database) -> None:
    text = as_lines(*(line(f"member-{number}") for number in range(30)))
    told: list[tuple[Imported, int]] = []
    result = imported(database, text, most_lines=10, progress=lambda done: told.append((done, len(rows(database)))))
    assert [done.added for done, _ in told] == [10, 20, 30]
    assert all(there >= done.added for done, there in told)
    assert told[-1][0] == result
    assert result.read_bytes == len(text)


def test_two_imports_of_one_file_at_once_add_each_line_once(database: Database) -> None:
    text = as_lines(*(line(f"member-{number}") for number in range(1_000)))
    results: list[Imported] = []
    threads = [
        threading.Thread(target=lambda: results.append(imported(database, text, most_lines=50))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(result.added for result in results) == 1_000
    assert sum(result.duplicates for result in results) == 2_000
    assert len(rows(database)) == 1_000


def test_two_imports_at_once_agree_on_which_content_of_an_event_id_is_in_the_log(database: Database) -> None:
    """Each file has both contents of each event_id; the second one has its lines in the other order."""
    contents = [
        [line(f"member-{number}", event_id=str(UUID(int=number + 1)), minute=minute) for number in range(200)]
        for minute in (1, 2)
    ]
    texts = [as_lines(*(each for one in contents[::step] for each in one[::step])) for step in (1, -1)]
    results: list[Imported] = []
    threads = [
        threading.Thread(target=lambda text=text: results.append(imported(database, text, most_lines=7)))
        for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(result.added for result in results) == len(rows(database)) == 200
    # of each file half of the lines are what is in the log, and half of them are not
    assert [result.added + result.duplicates for result in results] == [200, 200]
    assert [result.conflicts for result in results] == [200, 200]


def test_a_lost_connection_loses_and_repeats_nothing(database: Database) -> None:
    """Also when the commit of a chunk succeeded, and its answer was lost."""
    lines = [line(f"member-{number}") for number in range(100)]
    with faulty_wire(database) as wire:
        result = imported(
            wire.database,
            as_lines(*lines),
            most_lines=10,
            progress=lambda done: wire.lose_the_answer_to(b"COMMIT") if done.added == 30 else None,
        )
    assert rows(database, "user_id") == [each["user_id"] for each in lines]
    assert result.added + result.duplicates == 100


def test_a_database_that_is_not_there_is_told(database: Database) -> None:
    with faulty_wire(database) as wire:
        wire.cut()
        with pytest.raises(DatabaseUnavailable, match=r"^[^\n]+$"):
            imported(wire.database, as_lines(line()))


def test_an_import_is_announced(database: Database) -> None:
    with Wakeup(database) as wakeup, Notifier(database) as notifier:
        assert wakeup.wait(0)
        imported(database, as_lines(line()), notifier=notifier)
        assert wakeup.wait(60)
