"""The manifest is bound to the ledger's chain of seals."""

from datetime import timedelta
from pathlib import Path

from temple_ledger.infrastructure.archive.manifest import require
from temple_ledger.infrastructure.archive.restore import restore_archive
from temple_ledger.infrastructure.archive.verify import verify_archive
from temple_ledger.infrastructure.database.connection import Database
from tests.archive.builders import NOW, append, archived, at, everything
from tests.seals.builders import seal, sealed, tampered


def test_the_last_seal_within_the_archive_is_demanded_of_the_chain(database: Database, folder: Path) -> None:
    sealed(database, 9)
    archived(database, folder)
    found = require(at(folder))[0].seal
    assert found is not None
    assert found.startswith("3:")
    assert verify_archive(at(folder), database).findings == []
    tampered(database, "update log_seal set hash = sha256(hash) where number = 3")
    (finding,) = verify_archive(at(folder), database).findings
    assert "was written when seal 3 of the ledger was another one" in finding


def test_a_restored_ledger_begins_a_chain_that_the_archive_then_names(
    database: Database, folder: Path, other: Database
) -> None:
    sealed(database, 9)
    archived(database, folder)
    restore_archive(at(folder), other)
    seal(other)
    assert len(verify_archive(at(folder), other).findings) == 1
    append(other, everything(1, 3))
    archived(other, folder, now=NOW + timedelta(days=1))
    assert verify_archive(at(folder), other, rows=True).findings == []
