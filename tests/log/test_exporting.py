"""What is exported says what the log holds, and importing it again changes nothing."""

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.export import Selection, exported_lines
from temple_ledger.infrastructure.log.import_lines import import_lines
from tests.log.builders import NOON, as_lines, line, rows

CONTENT = "event_id, timestamp, event_type, user_id, action, target, metadata, source"


@pytest.fixture
def reading(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect(DatabaseRole.READ) as opened:
        yield opened


def fill(database: Database, *lines: dict[str, Any]) -> None:
    result = import_lines(database, io.BytesIO(as_lines(*lines)), catalogue=CATALOGUE)
    assert result.added == len(lines)


def test_a_line_has_the_columns_of_the_log(database: Database, reading: psycopg.Connection[Any]) -> None:
    given = line("ada", target="Oracle", metadata={"granted_by": "grace"})
    fill(database, given)
    [found] = map(json.loads, exported_lines(reading))
    recorded_at = rows(database, "recorded_at")[0].isoformat(timespec="microseconds")
    assert found == {
        **given,
        "id": 1,
        "timestamp": "2026-01-02T12:00:00.000000+00:00",
        "recorded_at": recorded_at,
        "processed_at": None,
    }


def test_an_event_that_was_folded_says_when(database: Database, reading: psycopg.Connection[Any]) -> None:
    fill(database, line("ada"), line("grace"))
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(
            "insert into projection_batch (projection, version, last_position, events, committed_at)"
            " values ('members', 1, 1, 1, '2026-01-02 13:00:00+00')"
        )
    found = [json.loads(each)["processed_at"] for each in exported_lines(reading)]
    assert found == ["2026-01-02T13:00:00.000000+00:00", None]


def test_importing_an_export_changes_nothing(database: Database, reading: psycopg.Connection[Any]) -> None:
    fill(
        database,
        line('back\\slash\ttab\nline\r"quote"\u2028', target="Größe 🜚"),
        line("ada", metadata={"note": "\n\t\\ \u2028 ü", "n": [1.5, 10**30, {"deep": None}]}),
        line("ada", metadata=[1, 2]),
        line("ada", metadata="text"),
        line("ada", timestamp="0001-01-01T00:00:00Z"),
        line("ada", timestamp="9999-12-31T23:59:59.999999Z"),
        line("ada", event_id=...),
    )
    text = "".join(f"{each}\n" for each in exported_lines(reading)).encode()
    result = import_lines(database, io.BytesIO(text), catalogue=CATALOGUE)
    assert (result.read, result.duplicates, result.complete) == (7, 7, True)


def test_an_export_makes_the_same_log_elsewhere(database: Database, reading: psycopg.Connection[Any]) -> None:
    fill(database, *(line(f"member-{number}", metadata={"n": number}) for number in range(50)))
    before = rows(database, CONTENT)
    text = "".join(f"{each}\n" for each in exported_lines(reading, at_a_time=7)).encode()
    with database.connect(DatabaseRole.LOGIN) as admin:
        # as if it were another ledger: what the log refuses, its owner may switch off
        admin.execute("alter table webhook_audit_log disable trigger webhook_audit_log_is_append_only")
        admin.execute("truncate webhook_audit_log")
    assert import_lines(database, io.BytesIO(text), catalogue=CATALOGUE).added == 50
    assert rows(database, CONTENT) == before


def test_a_time_that_no_line_can_hold_is_shown_and_refused(
    database: Database, reading: psycopg.Connection[Any]
) -> None:
    with database.connect(DatabaseRole.APPEND) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source)"
            " values (gen_random_uuid(), 'infinity', 'discord_join', 'ada', 'joined', 'discord')"
        )
    [found] = exported_lines(reading)
    assert json.loads(found)["timestamp"] == "infinity"
    assert import_lines(database, io.BytesIO(found.encode()), catalogue=CATALOGUE).rejected == 1


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), [1, 2, 3, 4]),
        (Selection(after=Position(1), upto=Position(3)), [2, 3]),
        (Selection(user_id="ada"), [1, 3]),
        (Selection(event_type="discord_leave"), [4]),
        (Selection(since=NOON + timedelta(minutes=2)), [2, 3]),
        (Selection(until=NOON + timedelta(minutes=1)), [1, 4]),
        (Selection(user_id="ada", since=NOON + timedelta(minutes=1)), [3]),
        (Selection(user_id="nobody"), []),
    ],
)
def test_a_part_of_the_log_can_be_exported(
    database: Database, reading: psycopg.Connection[Any], selection: Selection, expected: list[int]
) -> None:
    fill(
        database,
        line("ada", 0),
        line("grace", 2),
        line("ada", 3),
        line("mary", 1, event_type="discord_leave", action="left"),
    )
    assert [json.loads(each)["id"] for each in exported_lines(reading, selection)] == expected


def test_an_export_is_of_one_moment(database: Database, reading: psycopg.Connection[Any]) -> None:
    fill(database, *(line(f"member-{number}") for number in range(10)))
    lines = exported_lines(reading, at_a_time=2)
    next(lines)
    fill(database, line("later"))
    assert len(list(lines)) == 9
