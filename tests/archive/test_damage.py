"""Each damage of an archive is named, with the file; nothing of a damaged one is restored."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from temple_ledger.domain.errors import ArchiveDamaged
from temple_ledger.infrastructure.archive.manifest import require
from temple_ledger.infrastructure.archive.restore import restore_archive
from temple_ledger.infrastructure.archive.verify import verify_archive
from temple_ledger.infrastructure.database.connection import Database
from tests.archive.builders import append, archived, at, everything, files, log

Damage = Callable[[Path], object]


@pytest.fixture
def whole(database: Database, folder: Path) -> Path:
    """Two files."""
    append(database, everything(1, 60))
    archived(database, folder)
    append(database, everything(2, 10))
    archived(database, folder)
    assert len(files(folder)) == 2
    return folder


def flip(file: Path, at_byte: int) -> None:
    content = bytearray(file.read_bytes())
    content[at_byte] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def manifest_of(folder: Path) -> Path:
    return max((folder / "manifests").iterdir())


def journal_of(folder: Path) -> Path:
    return folder / require(at(folder))[0].journal.name


def rewrite_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """As somebody would who wants it to look right."""
    from hashlib import sha256

    old = manifest_of(folder)
    content = json.loads(old.read_text())
    change(content)
    text = json.dumps(content).encode()
    old.unlink()
    old.with_name(f"{old.name[:8]}-{sha256(text).hexdigest()}.json").write_bytes(text)


def second_copy_of_a_range(folder: Path) -> None:
    rewrite_manifest(folder, lambda content: content["files"].append(content["files"][-1]))


def other_numbered_alike(folder: Path) -> None:
    manifest = manifest_of(folder)
    shutil.copy(manifest, manifest.with_name(f"{manifest.name[:8]}-{'0' * 64}.json"))


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a bit in the first group": (lambda folder: flip(files(folder)[0], 400), "was altered: the rows of buckets"),
    "a bit in the last byte": (lambda folder: flip(files(folder)[1], -1), "was altered: its end"),
    "a bit in an index": (lambda folder: flip(files(folder)[0].with_suffix(".json"), 90), ".json was altered"),
    "a bit in the manifest": (lambda folder: flip(manifest_of(folder), 90), "bytes are not those that it is named for"),
    "a bit in the journal": (lambda folder: flip(journal_of(folder), 30), "was altered"),
    "a file is missing": (lambda folder: files(folder)[0].unlink(), ".parquet is missing"),
    "an index is missing": (lambda folder: files(folder)[1].with_suffix(".json").unlink(), ".json is missing"),
    "the journal is missing": (lambda folder: journal_of(folder).unlink(), ".json is missing"),
    "a file is cut off": (lambda folder: cut(files(folder)[1]), ".parquet was cut off"),
    "a file goes on": (lambda folder: files(folder)[1].open("ab").write(b"x"), "has bytes behind its end"),
    "the manifest is cut off": (lambda folder: cut(manifest_of(folder)), "bytes are not those"),
    "two files have one range": (second_copy_of_a_range, "two files have the range 61 to 70"),
    "a range is missing": (
        lambda folder: rewrite_manifest(folder, lambda content: content["files"].pop(0)),
        "no file has the range 1 to 60",
    ),
    "the end is missing": (
        lambda folder: rewrite_manifest(folder, lambda content: content["files"].pop()),
        "reaches position 70, and its files 60",
    ),
    "two manifests have one number": (other_numbered_alike, "two manifests with the number 2"),
    "a manifest without its forerunner": (
        lambda folder: rewrite_manifest(folder, lambda content: content.update(previous="0" * 64)),
        "manifest 2 was not written behind the manifest 1",
    ),
    "a newer format": (
        lambda folder: rewrite_manifest(folder, lambda content: content.update(format=2)),
        "has format 2, and this version reads 1",
    ),
    "a key that is not known": (
        lambda folder: rewrite_manifest(folder, lambda content: content.update(more=2)),
        "cannot be read: more",
    ),
    "a file outside": (
        lambda folder: rewrite_manifest(folder, lambda content: content["files"][0].update(name="../x")),
        "names a file outside",
    ),
    "another number of rows": (
        lambda folder: rewrite_manifest(folder, lambda content: content["files"][0].update(events=61)),
        "has another number of rows than the manifest says",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_is_named_and_nothing_of_it_is_restored(
    database: Database, whole: Path, other: Database, damage: str
) -> None:
    damaging, sentence = DAMAGES[damage]
    damaging(whole)
    for compared in (None, database):
        report = verify_archive(at(whole), compared)
        assert any(sentence in finding for finding in report.findings), report.findings
        assert all(str(whole) in finding for finding in report.findings)
    with pytest.raises(ArchiveDamaged, match=sentence.split(":")[0]):
        restore_archive(at(whole), other)
    assert log(other) == []


def test_every_single_bit_counts(database: Database, folder: Path) -> None:
    append(database, everything(3, 5))
    archived(database, folder)
    for file in sorted(folder.rglob("*.*")):
        content = file.read_bytes()
        for place in range(0 if file.suffix == ".json" else 4, len(content), 97):
            flip(file, place)
            assert not verify_archive(at(folder), None).ok, (file.name, place)
            file.write_bytes(content)
    assert verify_archive(at(folder), database, rows=True).ok


@pytest.mark.parametrize(
    ("altered", "sentence"),
    [
        ("update webhook_audit_log set target = 'x' where id = 7", "has another content than the log"),
        ("update webhook_audit_log set metadata = '{\"n\": 1}' where id = 7", "has another content than the log"),
        ("delete from webhook_audit_log where id = 7", "has 60 events, and the log 59"),
    ],
)
def test_a_log_that_was_altered_since_is_named_with_the_position(
    database: Database, whole: Path, altered: str, sentence: str
) -> None:
    from temple_ledger.infrastructure.database.connection import DatabaseRole

    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("alter table webhook_audit_log disable trigger all")
        connection.execute(altered.encode())
    first, second = verify_archive(at(whole), database).findings
    assert sentence in first
    assert second.endswith("differs from the log at 7")


def test_a_manifest_that_was_cut_back_shows_against_a_head_that_was_written_down(
    database: Database, whole: Path
) -> None:
    _, head = require(at(whole))
    assert verify_archive(at(whole), None, known_head=head).ok
    manifest_of(whole).unlink()
    (finding,) = verify_archive(at(whole), None, known_head=head).findings
    assert "was cut back to an earlier one" in finding
