"""The seals of the ledger are in its archive: what is restored can be proven as before, and is as guarded."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.archive import seals
from temple_ledger.infrastructure.archive.erase import erase_from_archive
from temple_ledger.infrastructure.archive.log_rows import pieces
from temple_ledger.infrastructure.archive.manifest import require
from temple_ledger.infrastructure.archive.restore import restore_archive
from temple_ledger.infrastructure.archive.verify import verify_archive
from temple_ledger.infrastructure.archive.write import in_sealed_ranges
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.seals.accept import accept_range
from tests.archive.builders import NOW, append, archived, at, everything, log
from tests.erasure.builders import erased
from tests.seals.builders import found, head_of, proof, seal, sealed, tampered


def restored(folder: Path, other: Database) -> Database:
    restore_archive(at(folder), other)
    return other


def chain(database: Database) -> list[tuple[object, ...]]:
    with database.connect(DatabaseRole.SEAL) as connection:
        return connection.execute(
            "select seal::text, key, opened, closed from log_seal as seal left join seal_key using (number) "
            "order by number"
        ).fetchall()


def test_the_last_seal_within_the_archive_is_demanded_of_the_chain(database: Database, folder: Path) -> None:
    sealed(database, 9)
    archived(database, folder)
    seal_there = require(at(folder))[0].seal
    assert seal_there is not None
    assert seal_there.startswith("3:")
    assert verify_archive(at(folder), database).findings == []
    tampered(database, "update log_seal set hash = sha256(hash) where number = 3")
    (finding,) = verify_archive(at(folder), database).findings
    assert "was written when seal 3 of the ledger was another one" in finding


def test_a_restored_ledger_has_the_chain_that_was_archived_and_goes_on_with_it(
    database: Database, folder: Path, other: Database
) -> None:
    sealed(database, 9)
    append(database, everything(1, 30), gap=True)
    seal(database)
    archived(database, folder)
    restored(folder, other)
    assert chain(other) == chain(database)
    assert proof(other, heads=[head_of(database)]).sentence == proof(database).sentence
    append(other, everything(2, 5))
    seal(other)
    archived(other, folder, now=NOW + timedelta(days=1))
    assert found(other) == []
    assert verify_archive(at(folder), other, rows=True).findings == []


def test_what_is_not_sealed_yet_is_sealed_before_it_is_archived(
    database: Database, folder: Path, other: Database
) -> None:
    sealed(database, 9)
    append(database, everything(1, 30))
    archived(database, folder)
    restored(folder, other)
    assert proof(other).sealed == log(database, "id")[-1][0]
    assert found(other) == []


@pytest.mark.parametrize(
    ("events", "ends"), [(9, [3, 6, 9]), (11, [3, 6, 9, 11])], ids=["all sealed", "two not sealed yet"]
)
def test_a_file_that_is_not_the_last_ends_with_a_sealed_range(database: Database, events: int, ends: list[int]) -> None:
    """However the log came: so does an archive whose write was ended after it."""
    sealed(database, 9)
    append(database, everything(1, events - 9))
    rows = next(pieces(database, Position(0), Position(events)))
    tables = iter([rows.slice(0, 5), rows.slice(5, 3), rows.slice(8)])
    with database.connect(DatabaseRole.READ) as connection:
        found = [table.column("id").to_pylist() for table in in_sealed_ranges(connection, tables)]
    assert [ids[-1] for ids in found] == ends
    assert [each for ids in found for each in ids] == list(range(1, events + 1))


def test_a_change_of_a_restored_event_is_found(database: Database, folder: Path, other: Database) -> None:
    sealed(database)
    archived(database, folder)
    restored(folder, other)
    tampered(other, "update webhook_audit_log set target = 'forged' where id = 5")
    assert found(other) == [("changed", 5, 5)]


def test_a_log_that_was_changed_before_it_was_archived_is_not_proven_by_restoring_it(
    database: Database, folder: Path, other: Database
) -> None:
    sealed(database)
    tampered(database, "update webhook_audit_log set target = 'forged' where id = 5")
    archived(database, folder)
    restored(folder, other)
    assert not proof(other).holds
    assert ("seal", 4, 6) in found(other)


def test_skips_retractions_and_acceptances_are_entries_of_the_restored_chain(
    database: Database, folder: Path, other: Database
) -> None:
    sealed(database)
    with database.connect(DatabaseRole.LOGIN) as connection, connection.transaction():
        connection.execute(
            "insert into skipped_position (projection, position, user_id, skipped_by, reason) "
            "values ('members', 5, 'bo', 'kim', 'x')"
        )
        connection.execute("select seal_enter_skip('members', 5)")
        connection.execute(
            "with made as (insert into log_retraction (reason, retracted_by) values ('x', 'kim') returning id) "
            "insert into retracted_range select 7, 8, id from made"
        )
        connection.execute("select seal_enter_retraction(1)")
    tampered(
        database,
        "update webhook_audit_log set target = 'forged' where id = 2",
        "delete from webhook_audit_log where id = 11",
        "update log_seal set leaves = sha256(leaves) where number = 1",
    )
    accept_range(database, 1, 12, by="kim", reason="we looked")
    assert found(database) == []
    archived(database, folder)
    restored(folder, other)
    assert chain(other) == chain(database)
    assert found(other) == []
    assert proof(other).accepted is not None


def test_an_entry_alone_is_archived_without_a_new_event(database: Database, folder: Path) -> None:
    sealed(database)
    archived(database, folder)
    before = require(at(folder))[0]
    assert archived(database, folder).manifest == before
    tampered(database, "update webhook_audit_log set target = 'forged' where id = 2")
    accept_range(database, 2, 2, by="kim", reason="we looked")
    assert archived(database, folder).manifest != before


def test_an_erasure_takes_the_keys_out_of_the_archive_and_the_rest_is_proven_when_restored(
    database: Database, folder: Path, other: Database
) -> None:
    sealed(database)
    archived(database, folder)
    keys = [str(row["key"]) for row in keys_in(folder)]
    erased(database, "ada")
    erase_from_archive(database, at(folder), now=NOW)
    gone = [row["number"] for row in keys_in(folder) if row["key"] is None]
    assert gone == [1, 2, 3, 4]
    everywhere = "".join(file.read_text() for file in (folder / seals.FOLDER).iterdir())
    assert [key for key in keys if key in everywhere] == []
    restored(folder, other)
    assert chain(other) == chain(database)
    assert found(other) == []


def keys_in(folder: Path) -> Iterator[dict[str, str | int | None]]:
    for part in require(at(folder))[0].seals:
        yield from json.loads((folder / part.name).read_text())["seal_key"]


def test_a_long_chain_is_archived_in_parts_and_only_those_that_changed_are_written_again(
    database: Database, folder: Path, other: Database
) -> None:
    append(database, everything(1, seals.SEALS_IN_A_PART + 1))
    seal(database, size=1)
    archived(database, folder)
    first, second = require(at(folder))[0].seals
    append(database, everything(2, 6))
    archived(database, folder)
    after = require(at(folder))[0].seals
    assert after[0] == first
    assert second not in after
    restored(folder, other)
    assert found(other) == []


@pytest.fixture
def reader(database: Database) -> Iterator[Database]:
    """The same ledger, for a login that may only read."""
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("create role archive_reader login in role temple_read")
        yield Database(make_conninfo(database.dsn, user="archive_reader"))
        connection.execute("drop role archive_reader")


def test_a_login_that_may_not_read_keys_archives_no_seals_and_it_shows(
    database: Database, reader: Database, folder: Path, other: Database
) -> None:
    sealed(database, 9)
    append(database, everything(1, 6))
    written = archived(reader, folder)
    assert written.without_seals
    assert written.manifest is not None
    assert written.manifest.seals == ()
    assert written.manifest.events == 15
    restored(folder, other)
    seal(other)
    assert found(other) == []
    assert not archived(database, folder).without_seals
    assert len(require(at(folder))[0].seals) == 1


def test_a_part_whose_bits_flipped_is_named_and_nothing_is_restored(
    database: Database, folder: Path, other: Database
) -> None:
    sealed(database)
    archived(database, folder)
    (part,) = require(at(folder))[0].seals
    path = folder / part.name
    path.write_bytes(path.read_bytes().replace(b"range", b"rangf", 1))
    (finding,) = verify_archive(at(folder), database).findings
    assert finding.startswith(f"{path} was altered")
    with pytest.raises(Exception, match="was altered"):
        restored(folder, other)
    assert log(other) == []
