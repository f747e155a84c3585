"""`temple archive`: written, verified, listed, restored, erased; and what is said where it cannot be."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from temple_ledger.infrastructure.archive import extra
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.testing.copies import Copies
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import joined, role_added
from tests.cli.conftest import ROOT, Typed
from tests.erasure.builders import OTHER, PERSON
from tests.queries.builders import altered
from tests.seals.builders import sealed, tampered

HERE = ("--archive", "archive")


@pytest.fixture(autouse=True)
def ledger(database: Database) -> LedgerScenario:
    made = LedgerScenario(database)
    made.given(joined(PERSON), joined(OTHER), role_added(OTHER, "Oracle", by=PERSON))
    made.catch_up()
    return made


@pytest.fixture
def other(server: EmbeddedServer, copies: Copies) -> Iterator[str]:
    name = copies.take()
    yield server.dsn(name)
    copies.drop(name)


def test_it_is_written_listed_verified_and_restored(temple: Typed, tmp_path: Path, other: str) -> None:
    written = temple("archive", "write", *HERE)
    assert written.code == 0, written.stderr
    assert "3 events added; the archive has 3 events in 1 file, up to position 3" in written.stdout
    assert "had no archive: this is the first one there" in written.stderr, "a disk that is not there would be seen"
    (path,) = temple("archive", "list", *HERE, "--paths").stdout.split()
    assert sorted(pq.read_table(path).column("id").to_pylist()) == [1, 2, 3]
    (row,) = temple("archive", "list", *HERE, "--json").data
    assert (row["first_position"], row["last_position"], row["events"], row["path"]) == (1, 3, 3, path)
    verified = temple("archive", "verify", *HERE, "--json")
    assert (verified.code, verified.data["ok"], verified.data["events"]) == (0, True, 3)
    head = verified.data["head"]
    assert temple("archive", "verify", *HERE, "--head", head, "--files-only", TEMPLE_DATABASE_URL=None).code == 0
    restored = temple("archive", "restore", *HERE, TEMPLE_DATABASE_URL=other)
    assert restored.code == 0, restored.stderr
    assert temple("replay", "--apply", TEMPLE_DATABASE_URL=other).code == 0
    assert temple("verify", "--full", TEMPLE_DATABASE_URL=other).code == 0
    assert temple("archive", "restore", *HERE, TEMPLE_DATABASE_URL=other).code == 5


def test_what_finds_no_room_names_its_file_and_leaves_none(
    database: Database, environment: dict[str, str], tmp_path: Path
) -> None:
    """Here by the limit on the size of a file, which the writer of Parquet meets before anything is buffered whole."""
    ended = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 1; exec "$0" -m temple_ledger.cli archive write "$@"', sys.executable, *HERE],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    file = r"temple: .*/archive/events/0000000000000000001-0000000000000000003-[0-9a-f]{12}\.parquet"
    assert re.fullmatch(f"{file}: File too large\n", ended.stderr), ended.stderr
    assert [each.name for each in (tmp_path / "archive").rglob("*") if each.is_file()] == []


def test_that_workers_reach_no_database_is_a_setting(temple: Typed) -> None:
    assert temple("archive", "write", *HERE).code == 0
    alone = {"TEMPLE_WORKERS_WITHOUT_DATABASE": "true"}
    replayed = temple("replay", "--apply", "--workers", "2", *HERE, **alone)
    assert replayed.code == 0, replayed.stderr
    assert temple("verify", "--full").code == 0
    refused = temple("verify", "--full", *HERE, **alone)
    assert refused.code == 5
    assert "only temple replay does without" in refused.stderr


def test_what_is_written_or_compared_from_a_changed_log_says_so(temple: Typed, database: Database) -> None:
    sealed(database)
    assert "was changed" not in temple("archive", "write", *HERE).stderr
    tampered(database, "update webhook_audit_log set target = 'Seer' where id = 3")
    temple("seal", "verify")
    for verb in ("write", "verify"):
        assert "the LOG was changed at position 3" in temple("archive", verb, *HERE).stderr, verb
    assert "was changed" not in temple("archive", "verify", *HERE, "--files-only").stderr


def test_the_place_may_be_a_setting(temple: Typed, tmp_path: Path) -> None:
    first = temple("archive", "write", "--json", TEMPLE_ARCHIVE="archive").data
    assert (first["began"], first["added"]) == (True, 3)
    again = temple("archive", "write", "--json", TEMPLE_ARCHIVE="archive").data
    assert (again["began"], again["added"]) == (False, 0)
    assert temple("archive", "list", TEMPLE_ARCHIVE=f"file://{tmp_path}/archive").code == 0


def test_a_damaged_one_is_a_finding_for_verify_and_a_failure_for_everybody_else(temple: Typed, tmp_path: Path) -> None:
    temple("archive", "write", *HERE)
    (file,) = (tmp_path / "archive" / "events").glob("*.parquet")
    content = bytearray(file.read_bytes())
    content[10] ^= 8
    file.write_bytes(content)
    ended = temple("archive", "verify", *HERE)
    assert ended.code == 3
    assert f"{file} was altered" in ended.stdout
    assert "1 thing is wrong" in ended.stdout
    file.unlink()
    assert f"{file} is missing" in temple("archive", "verify", *HERE).stdout


@pytest.mark.parametrize("verb", ["verify", "list", "restore", "erase"])
def test_where_there_is_none_a_sentence_says_so(temple: Typed, other: str, verb: str) -> None:
    ended = temple("archive", verb, *HERE, TEMPLE_DATABASE_URL=other)
    assert (ended.code, ended.stdout) == (5, "")
    assert "there is no archive in" in ended.stderr


@pytest.mark.parametrize("verb", ["write", "verify", "list", "restore", "erase"])
def test_without_a_place_it_is_asked_for(temple: Typed, verb: str) -> None:
    ended = temple("archive", verb)
    assert ended.code == 2
    assert "no archive is named; give one with --archive PLACE, or set TEMPLE_ARCHIVE" in ended.stderr


@pytest.mark.parametrize("url", ["s3://bucket/ledger", "nowhere://bucket"])
def test_a_kind_of_place_that_is_not_installed_is_unreachable(temple: Typed, url: str) -> None:
    ended = temple("archive", "write", "--archive", url)
    assert ended.code == 4
    assert ended.stderr.startswith(f"temple: {url.partition(':')[0]}:// cannot be reached from here")


def test_a_place_that_cannot_be_written_is_a_failure_with_its_name(temple: Typed, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = temple("archive", "write", "--archive", "file/archive")
    assert ended.code == 1
    assert f"{tmp_path}/file/archive" in ended.stderr


@pytest.mark.parametrize("package", ["pyarrow", "adbc_driver_postgresql", "fsspec"])
def test_without_the_extra_a_sentence_names_it(temple: Typed, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    ended = temple("archive", "write", *HERE)
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.endswith(f"run: {ROOT}/temple extra archive\n")


def test_outside_a_checkout_it_is_the_pip_of_this_environment(
    temple: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    installed = f"{tmp_path}/site-packages/temple_ledger/infrastructure/archive/extra.py"
    monkeypatch.setattr(extra, "__file__", installed)
    ended = temple("archive", "write", *HERE)
    assert ended.stderr.endswith(f"run: {sys.executable} -m pip install 'temple-ledger[archive]'\n")


def test_member_erase_takes_the_person_out_of_the_archive_that_is_set(temple: Typed, tmp_path: Path) -> None:
    assert temple("archive", "write", TEMPLE_ARCHIVE="archive").code == 0
    erasing = ("member", "erase", PERSON, "--reason", "asked us to", "--apply", "--yes")
    ended = temple(*erasing, TEMPLE_ARCHIVE="archive")
    assert ended.code == 0, ended.stderr
    assert "1 file of the archive written again" in ended.stderr
    (file,) = (tmp_path / "archive" / "events").glob("*.parquet")
    assert PERSON not in str(pq.read_table(file).to_pylist())
    assert temple("archive", "verify", "--rows", TEMPLE_ARCHIVE="archive").code == 0


def test_member_erase_says_what_to_run_where_none_is_set_or_it_is_out_of_reach(temple: Typed, tmp_path: Path) -> None:
    assert temple("archive", "write", TEMPLE_ARCHIVE="archive").code == 0
    (tmp_path / "archive").rename(tmp_path / "away")
    ended = temple("member", "erase", PERSON, "--reason", "x", "--apply", "--yes", TEMPLE_ARCHIVE="archive")
    assert ended.code == 5
    assert "erased in the ledger, and not yet in the archive; run: temple archive erase" in ended.stderr
    ended = temple("member", "erase", OTHER, "--reason", "x", "--apply", "--yes")
    assert ended.code == 0
    assert "temple archive erase --archive PLACE" in ended.stderr
    assert "1 file written again" in temple("archive", "erase", "--archive", "away").stdout
    assert temple("archive", "erase", "--archive", "away").stdout == "nothing to do\n"
    (file,) = (tmp_path / "away" / "events").glob("*.parquet")
    assert not any(each in str(pq.read_table(file).to_pylist()) for each in (PERSON, OTHER))


@pytest.mark.parametrize("alone", ["false", "true"])
def test_a_restored_ledger_is_filled_straight_from_it(temple: Typed, other: str, alone: str) -> None:
    """Nothing is written beside the tables, where nothing may be."""
    assert temple("archive", "write", *HERE).code == 0
    there = {"TEMPLE_DATABASE_URL": other, "TEMPLE_WORKERS_WITHOUT_DATABASE": alone}
    assert temple("archive", "restore", *HERE, **there).code == 0
    with Database(other).connect(DatabaseRole.OWNER) as owner:
        owner.execute('revoke insert on "rebuild_temple_member_status@1" from temple_project')
    replayed = temple("replay", "members", "--apply", "--workers", "2", *HERE, **there)
    assert replayed.code == 0, replayed.stderr
    assert temple("verify", "members", "--full", TEMPLE_DATABASE_URL=other).code == 0


def test_everybody_is_folded_from_it(temple: Typed, database: Database) -> None:
    assert temple("archive", "write", *HERE).code == 0
    ledger = LedgerScenario(database)
    ledger.given(joined("behind"))
    ledger.catch_up()
    altered(database, f"delete from temple_member_status where user_id in ('{OTHER}', 'behind')")
    found = temple("replay", *HERE, "--engine", "local", "--workers", "2", "--json")
    assert found.code == 0, found.stderr
    members, *_ = found.data
    assert (members["projection"], members["members"], members["changed_members"]) == ("members", 3, 2)
    assert temple("replay", *HERE, "--apply").code == 0
    assert temple("verify", "--full").code == 0
    assert temple("replay", "--engine", "local").code == 2
