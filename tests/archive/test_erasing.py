"""Who is erased in the ledger is nowhere in its archive: not as a member, not as an actor, not in an old file."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from temple_ledger.infrastructure.archive.erase import erase_from_archive
from temple_ledger.infrastructure.archive.verify import verify_archive
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at as day
from temple_ledger.projections.testing.histories import joined, role_added
from tests.archive.builders import NOW, append, archived, at, everything, files, rows_in
from tests.erasure.builders import OTHER, PERSON, erased


def named_in(folder: Path, needle: str) -> list[str]:
    """Files of the place, whether in a manifest or not, in which it stands."""
    tables = [file for file in folder.rglob("*.parquet") if needle in str(pq.read_table(file).to_pylist())]
    others = [file for file in folder.rglob("*.json") if needle in file.read_text()]
    return [file.name for file in (*tables, *others)]


@pytest.fixture
def ledger(ledger: LedgerScenario, folder: Path) -> LedgerScenario:
    """Three files; the person is a member in the first, and an actor in the second."""
    append(ledger.database, everything(1, 60))
    ledger.given(joined(PERSON, day(1)), role_added(PERSON, "Oracle", day(2)))
    archived(ledger.database, folder)
    ledger.given(joined(OTHER, day(3)), role_added(OTHER, "Oracle", day(4), by=PERSON))
    append(ledger.database, everything(2, 20))
    archived(ledger.database, folder)
    append(ledger.database, everything(3, 7))
    archived(ledger.database, folder)
    ledger.catch_up()
    assert len(files(folder)) == 3
    assert len(named_in(folder, PERSON)) == 2
    return ledger


def test_files_that_name_the_person_are_written_again_and_the_old_ones_go_at_once(
    ledger: LedgerScenario, folder: Path
) -> None:
    first, second, third = files(folder)
    before = sorted(row["id"] for row in rows_in(folder))
    erased(ledger.database)
    assert verify_archive(at(folder), ledger.database).findings[0].startswith("1 erasures of the ledger are not in")
    assert erase_from_archive(ledger.database, at(folder), now=NOW) == 2
    assert named_in(folder, PERSON) == []
    assert third in files(folder)
    assert [first.exists(), second.exists(), third.exists()] == [False, False, True]
    assert sorted(row["id"] for row in rows_in(folder)) == before
    assert verify_archive(at(folder), ledger.database, rows=True).findings == []
    assert erase_from_archive(ledger.database, at(folder), now=NOW) == 0


def test_a_write_takes_out_what_was_erased_while_the_archive_was_out_of_reach(
    ledger: LedgerScenario, folder: Path
) -> None:
    erased(ledger.database)
    erased(ledger.database, OTHER)
    written = archived(ledger.database, folder)
    assert (written.rewritten_files, written.events) == (2, 0)
    assert named_in(folder, PERSON) == named_in(folder, OTHER) == []
    assert verify_archive(at(folder), ledger.database, rows=True).findings == []


def test_a_merged_file_that_still_waits_for_its_readers_goes_with_an_erasure(
    ledger: LedgerScenario, folder: Path
) -> None:
    append(ledger.database, everything(4, 90))
    assert archived(ledger.database, folder).merged_files > 1
    assert len(named_in(folder, PERSON)) > 1
    erased(ledger.database)
    erase_from_archive(ledger.database, at(folder), now=NOW)
    assert named_in(folder, PERSON) == []
    assert verify_archive(at(folder), ledger.database, rows=True).findings == []


def test_the_digest_of_a_group_says_nothing_once_its_file_is_gone(database: Database, folder: Path) -> None:
    """Two files with the same rows have no digest in common."""
    append(database, everything(5, 30))
    archived(database, folder)
    archived(database, folder / "again")
    digests = [
        set(at(each).read(next(at(each).names("events")).replace(".parquet", ".json")).decode().split('"'))
        for each in (folder, folder / "again")
    ]
    assert {word for word in digests[0] & digests[1] if len(word) == 64} == set()
