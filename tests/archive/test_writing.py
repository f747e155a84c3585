"""An archive has every settled event once, in few files, whatever ends the writing of it."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from temple_ledger.domain.errors import ArchiveDamaged, Refused
from temple_ledger.infrastructure.archive.manifest import require
from temple_ledger.infrastructure.archive.one_ahead import one_ahead
from temple_ledger.infrastructure.archive.place import place_at
from temple_ledger.infrastructure.archive.verify import verify_archive
from temple_ledger.infrastructure.archive.write import to_merge
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from tests.archive.builders import HOUR, NOW, append, archived, at, everything, files, log, rows_in
from tests.killed import Moment, run_killed


def test_every_column_of_every_event_is_in_the_files_as_it_is_in_the_log(database: Database, folder: Path) -> None:
    append(database, everything(1), gap=True)
    archived(database, folder)
    with database.connect(DatabaseRole.READ) as connection:
        expected = connection.execute(
            "select id, uuid_send(event_id), occurred_at, event_type, user_id, action, target, metadata::text, source,"
            " recorded_at, case when occurred_at is null then timestamp::text end from log_row order by id"
        ).fetchall()
    found = [tuple(row.values()) for row in sorted(rows_in(folder), key=lambda row: row["id"])]
    assert [(*row[:10], row[11]) for row in found] == expected
    assert {row[2] for row in found} >= {None}, "a time that Python cannot hold"


def test_rows_are_ordered_by_bucket_and_member_and_time(database: Database, folder: Path) -> None:
    append(database, everything(2))
    archived(database, folder)
    found = list(rows_in(folder))
    for row in found:
        bits = f"{int.from_bytes(hashlib.sha256(row['user_id'].encode()).digest()[:2]):016b}"
        assert row["bucket"] == int(bits[:10], 2)
    keys = [
        (row["bucket"], row["user_id"].encode(), row["timestamp"] is None, row["timestamp"], row["id"]) for row in found
    ]
    assert keys == sorted(keys, key=lambda key: (*key[:3], key[3] or NOW, key[4]))


def test_a_second_write_adds_what_is_new_and_nothing_twice(database: Database, folder: Path) -> None:
    append(database, everything(3))
    assert archived(database, folder).events == 120
    assert archived(database, folder).events == 0
    before = {file.name for file in folder.rglob("*.*")}
    assert archived(database, folder).events == 0
    assert {file.name for file in folder.rglob("*.*")} == before, "nothing new, nothing written"
    append(database, everything(4, 30), gap=True)
    append(database, everything(5, 1))
    assert archived(database, folder).events == 31
    assert sorted(row["id"] for row in rows_in(folder)) == [number for number in range(1, 153) if number != 151]
    assert verify_archive(at(folder), database, rows=True).findings == []


@pytest.mark.parametrize(
    ("events", "merged"),
    [([], 0), ([5], 1), ([10, 5], 1), ([9, 5], 2), ([30, 9, 5], 2), ([27, 9, 5], 3), ([5, 5, 5, 5], 4), ([1, 100], 2)],
)
def test_a_file_is_merged_with_what_is_more_than_half_of_it(events: list[int], merged: int) -> None:
    assert to_merge(events) == merged


def test_many_small_writes_leave_few_files(database: Database, folder: Path) -> None:
    for number in range(20):
        append(database, everything(100 + number, 10))
        archived(database, folder)
    assert len(files(folder)) <= 5
    assert len(list(rows_in(folder))) == 200
    assert verify_archive(at(folder), database, rows=True).findings == []


def test_a_file_that_was_merged_stays_as_long_as_somebody_may_read_it(database: Database, folder: Path) -> None:
    append(database, everything(6, 20))
    archived(database, folder)
    (first,) = files(folder)
    append(database, everything(7, 20))
    archived(database, folder, now=NOW + HOUR)
    assert first not in files(folder)
    archived(database, folder, now=NOW + 1.5 * HOUR)
    assert first.exists()
    archived(database, folder, now=NOW + 3 * HOUR)
    assert not first.exists()
    assert not first.with_suffix(".json").exists()
    assert verify_archive(at(folder), database, rows=True).findings == []


def test_what_a_killed_write_left_is_removed_and_what_is_not_ours_stays(database: Database, folder: Path) -> None:
    append(database, everything(8, 20))
    archived(database, folder)
    (whole,) = files(folder)
    left = whole.with_name(f"{whole.name[:40]}0123456789ab.parquet")
    shutil.copy(whole, left)
    (folder / "events" / "notes.parquet").write_text("of a person")
    report = verify_archive(at(folder), database)
    assert (report.findings, report.left_over) == ([], [f"events/{left.name}"])
    archived(database, folder)
    assert not left.exists()
    assert (folder / "events" / "notes.parquet").exists()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_exchange_a_write_leaves_a_whole_archive_and_goes_on(
    database: Database, folder: Path, moment: Moment
) -> None:
    def write() -> None:
        archived(database, folder)

    for exchange in range(1, 1_000, 3):
        append(database, everything(200 + exchange, 8))
        killed = run_killed(write, at=exchange, moment=moment)
        if (folder / "manifests").exists():
            assert verify_archive(at(folder), None).findings == []
        if not killed:
            break
    else:
        pytest.fail("the write never came to its end")
    assert exchange > 10
    archived(database, folder)
    assert sorted(row["id"] for row in rows_in(folder)) == [number for number, _ in log(database)]
    assert verify_archive(at(folder), database, rows=True).findings == []


def test_an_empty_log_makes_no_archive(database: Database, folder: Path) -> None:
    assert archived(database, folder).manifest is None
    assert not folder.exists()
    with pytest.raises(Refused, match="there is no archive in"):
        require(at(folder))


def test_the_archive_of_another_ledger_is_refused(database: Database, folder: Path, other: Database) -> None:
    append(database, everything(9, 10))
    archived(database, folder)
    for rows in ([], everything(9, 10)):
        append(other, rows)
        with pytest.raises(Refused, match="is that of another ledger"):
            archived(other, folder)
        assert "is that of another ledger" in verify_archive(at(folder), other).findings[0]


def test_a_log_that_was_restored_to_an_earlier_point_is_refused(database: Database, folder: Path) -> None:
    append(database, everything(10, 10))
    archived(database, folder)
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("alter table webhook_audit_log disable trigger all")
        connection.execute("delete from webhook_audit_log where id > 7")
        connection.execute("alter table webhook_audit_log enable always trigger webhook_audit_log_is_append_only")
    append(database, everything(11, 10))
    with pytest.raises(Refused, match="reaches position 10, and the log there is another one"):
        archived(database, folder)


def test_only_one_writes_at_a_time(database: Database, folder: Path) -> None:
    append(database, everything(12, 10))
    with database.connect(DatabaseRole.READ) as other:
        other.execute("select pg_advisory_lock(hashtextextended('temple archive', 0))")
        with pytest.raises(Refused, match="is being written"):
            archived(database, folder)
    assert archived(database, folder).events == 10


def test_an_archive_at_a_url_is_the_same(database: Database) -> None:
    place = place_at("memory://bucket/ledger")
    for number in range(3):
        append(database, everything(300 + number, 20))
        archived(database, place)
    report = verify_archive(place, database, rows=True)
    assert (report.findings, report.events) == ([], 60)
    damaged = require(place)[0].files[0].name
    place.remove(damaged)
    assert verify_archive(place, database).findings == [f"memory://bucket/ledger/{damaged} is missing"]
    append(database, everything(400, 20))
    with pytest.raises(ArchiveDamaged):
        archived(database, place)


def test_what_is_read_ahead_comes_in_order_and_what_fails_there_fails_here() -> None:
    def failing() -> Iterator[int]:
        yield from (1, 2, 3)
        raise ArchiveDamaged("behind the third")

    found: list[int] = []
    with pytest.raises(ArchiveDamaged, match="behind the third"):
        found.extend(one_ahead(failing()))
    assert list(one_ahead(iter([1, 2]))) == [1, 2]
