"""What an import and its check say of a file: the same, of every line of it, also where it was cut short."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import UnreadableFile
from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.admission import Admission, read_role_names
from temple_ledger.infrastructure.log.export import Selection as Exported
from temple_ledger.infrastructure.log.export import exported_lines
from temple_ledger.infrastructure.log.import_check import CheckedFile, check_lines
from temple_ledger.infrastructure.log.import_lines import Imported, import_lines
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.log.retracted import retracted_positions
from temple_ledger.infrastructure.read_models.retraction import Selection, retract
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.members import members
from tests.log.builders import as_lines, line, rows
from tests.log.test_admission import GRANT, ORACLE, SEEKER, named

FOREIGN = {**GRANT, "event_type": "shop_order", "action": "paid"}


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database)


def imported(database: Database, text: bytes, **options: Any) -> Imported:
    with database.connect(DatabaseRole.READ) as connection:
        admission = Admission(CATALOGUE, read_role_names(connection))
    return import_lines(database, io.BytesIO(text), admission=admission, catalogue=CATALOGUE, **options)


def checked(database: Database, text: bytes) -> CheckedFile:
    with database.connect(DatabaseRole.READ) as connection:
        admission = Admission(CATALOGUE, read_role_names(connection))
        return check_lines(io.BytesIO(text), admission, CATALOGUE, connection)


def retracted(database: Database, *positions: int) -> None:
    selection = Selection(positions=PositionSet.of(positions))
    retract(database, selection, [members], CATALOGUE, reason="a mistake", by="eve")


def counts(found: Imported | CheckedFile) -> tuple[int, ...]:
    """Lines, and of them those that are added, are duplicates, count again, are refused."""
    if isinstance(found, Imported):
        return found.read, found.added, found.duplicates, len(found.retracted), found.rejected + found.conflicts
    return found.read, found.new, found.duplicates, len(found.retracted), found.refused


def other(content: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return {**content, **columns}


def every_sort_of_line(there: dict[str, Any], taken_back: dict[str, Any]) -> bytes:
    new, given = line("new"), line("given")
    lines = [
        named(ORACLE, "Oracle"),
        named(SEEKER, "Oracle"),
        new,
        new,
        other(new, user_id="somebody-else"),
        other(given, metadata={"b": 1, "a": 2.0}),
        other(given, metadata={"a": 2, "b": 1.0}),
        there,
        there,
        other(there, user_id="somebody-else"),
        taken_back,
        taken_back,
        GRANT,
        other(GRANT, user_id="<@8>"),
        other(GRANT, action="add"),
        FOREIGN,
    ]
    return as_lines(*lines) + b"not JSON\n\n"


@pytest.mark.parametrize("most_lines", [1, 3, 1_000])
def test_every_line_is_counted_once_by_the_check_as_by_the_import(
    database: Database, ledger: LedgerScenario, most_lines: int
) -> None:
    there, taken_back = line("there"), line("taken-back")
    imported(database, as_lines(there, taken_back))
    retracted(database, 2)
    text = every_sort_of_line(there, taken_back)
    before, done = checked(database, text), imported(database, text, most_lines=most_lines)
    assert counts(done) == (17, 5, 5, 1, 6)
    assert counts(before) == counts(done)
    assert sum(counts(done)[1:]) == done.read
    assert before.remarks == done.remarks


def test_an_import_that_is_interrupted_counts_what_it_had_stored(database: Database) -> None:
    told: list[Imported] = []

    class CutShort(Notifier):
        def notify(self) -> None:
            if len(rows(database)) == 4:
                raise KeyboardInterrupt

    source = io.BytesIO(as_lines(*(line(f"member-{number}") for number in range(8))))
    with CutShort(database) as notifier, pytest.raises(KeyboardInterrupt):
        import_lines(database, source, catalogue=CATALOGUE, most_lines=2, progress=told.append, notifier=notifier)
    assert told[-1].added == len(rows(database)) == 4


def test_a_file_that_is_damaged_further_on_counts_what_it_had_stored(database: Database) -> None:
    told: list[Imported] = []

    def damaged() -> Iterator[bytes]:
        yield b"timestamp,event_type,user_id,action,source\n"
        yield from (f"2024-05-01T10:00:00Z,discord_join,{number},joined,manual\n".encode() for number in range(1, 7))

    text = b"".join(damaged()) + b'"' + b"x" * 11_000_000
    with pytest.raises(UnreadableFile):
        import_lines(database, io.BytesIO(text), catalogue=CATALOGUE, most_lines=2, progress=told.append)
    assert (told[-1].added if told else 0) == len(rows(database))


@pytest.mark.parametrize("mark", [{"retracted_at": "2024-06-01T00:00:00Z"}, {"retracted": True}])
def test_a_line_that_says_it_was_retracted_is_refused_and_never_counts_again(
    database: Database, ledger: LedgerScenario, mark: dict[str, Any]
) -> None:
    fact = line("ada")
    imported(database, as_lines(fact, line("bob")))
    retracted(database, 1)
    exported = {**fact, "id": 1, "recorded_at": "2024-05-01T10:00:01Z", **mark}
    text = as_lines(exported, {**line("cleo"), **mark})
    assert counts(checked(database, text)) == (2, 0, 0, 0, 2)
    assert counts(imported(database, text)) == (2, 0, 0, 0, 2)


def test_an_export_with_what_was_retracted_leaves_it_retracted(database: Database, ledger: LedgerScenario) -> None:
    imported(database, as_lines(line("ada"), line("bob"), line("cleo")))
    retracted(database, 2)
    with database.connect(DatabaseRole.READ) as connection:
        text = "\n".join(exported_lines(connection, Exported(retracted=True))).encode()
    assert json.loads(text.splitlines()[1])["retracted_at"]
    assert counts(imported(database, text)) == (3, 0, 2, 0, 1)
    with database.connect(DatabaseRole.READ) as connection:
        assert str(retracted_positions(connection)) == "2"


def test_roles_that_nobody_names_and_dates_before_the_platform_are_counted(database: Database) -> None:
    text = as_lines(
        other(GRANT, target="Oracel", timestamp="0026-05-01T10:00:00Z"),
        other(GRANT, target=SEEKER),
        {**line("ada"), "timestamp": "2014-12-31T23:59:59Z"},
        {**line("ada"), "timestamp": "2015-01-01T00:00:00Z"},
        {**FOREIGN, "timestamp": "1999-01-01T00:00:00Z"},
        named(SEEKER, "Seeker"),
    )
    before, done = checked(database, text), imported(database, text)
    assert before.remarks == done.remarks
    assert sorted((str(each.about), each.name, number) for each, number in done.remarks.items()) == [
        ("early", "discord_join/joined", 1),
        ("early", "discord_role_change/added", 1),
        ("unknown_role", "Oracel", 1),
        ("unread", "shop_order/paid", 1),
    ]


@pytest.mark.parametrize("place", ["nowhere/refused.jsonl", "file/refused.jsonl", "folder"])
def test_where_refused_lines_cannot_be_written_nothing_is_imported(
    database: Database, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="cannot be written: "):
        imported(database, as_lines(line("ada")) + b"not JSON\n", rejects=tmp_path / place)
    assert rows(database) == []


def test_a_rejects_file_of_before_stays_until_there_is_something_to_write(database: Database, tmp_path: Path) -> None:
    rejects = tmp_path / "refused.jsonl"
    rejects.write_text("of before")
    imported(database, as_lines(line("ada", event_id=str(uuid4()))), rejects=rejects)
    assert rejects.read_text() == "of before"
