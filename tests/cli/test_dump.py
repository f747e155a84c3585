"""A dump holds the whole ledger, is restored elsewhere and verified there, and never over a ledger that is in use."""

import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.embedded_postgres.place import removed
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, left, role_added
from tests.cli.conftest import Typed
from tests.clusters import Cluster, cluster


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    ledger = LedgerScenario(database)
    ledger.given(joined("ada", at(1)), role_added("ada", "Oracle", at(2), by="mod"), joined("grace", at(3)))
    ledger.catch_up()
    return ledger


@pytest.fixture
def dumped(temple: Typed, ledger: LedgerScenario, tmp_path: Path) -> Path:
    file = tmp_path / "ledger.dump"
    ended = temple("db", "dump", str(file))
    assert ended.code == 0, ended.stderr
    return file


@pytest.fixture
def elsewhere(server: EmbeddedServer) -> Iterator[str]:
    """The DSN of a new database of the same cluster."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("create database restored")
        yield server.dsn("restored")
        admin.execute(sql.SQL("drop database restored with (force)"))


@pytest.fixture
def new_home() -> Iterator[Path]:
    """Where the account of an embedded server can get to."""
    place = Path(tempfile.mkdtemp(prefix="temple-dump-"))
    yield place
    EmbeddedServer(place).stop("immediate")
    removed(place)
    shutil.rmtree(place)


def test_a_dump_is_for_its_owner_alone(dumped: Path) -> None:
    assert stat.S_IMODE(dumped.stat().st_mode) == 0o600
    assert [each.name for each in dumped.parent.glob(".*.part")] == []


def test_a_dump_has_every_letter_whatever_encoding_the_environment_asks_for(
    temple: Typed, ledger: LedgerScenario, tmp_path: Path
) -> None:
    ledger.given(role_added("ada", "Žrec ✨", at(4)))
    ended = temple("db", "dump", str(tmp_path / "ledger.dump"), PGCLIENTENCODING="LATIN1")
    assert ended.code == 0, ended.stderr


def test_a_dump_whose_program_is_ended_says_by_what_and_leaves_no_file(
    ledger: LedgerScenario, environment: dict[str, str], tmp_path: Path
) -> None:
    """Here by the limit on the size of a file."""
    file = tmp_path / "ledger.dump"
    ended = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 2; exec "$0" -m temple_ledger.cli db dump "$1"', sys.executable, file],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (
        1,
        f"temple: {file}: pg_dump failed: it was ended from outside (File size limit exceeded)\n",
    )
    assert not file.exists()


def test_what_was_dumped_is_restored_and_goes_on(temple: Typed, dumped: Path, elsewhere: str) -> None:
    ended = temple("db", "restore", str(dumped), "--above", "500", TEMPLE_DATABASE_URL=elsewhere)
    assert (ended.code, ended.stderr) == (0, "")
    assert "the log ends at position 3" in ended.stdout
    assert temple("verify", "--full", TEMPLE_DATABASE_URL=elsewhere).code == 0
    there = LedgerScenario(Database(elsewhere))
    assert there.given(left("ada", at(4))) == [501]
    there.then_status("ada", "departed")
    with Database(elsewhere).connect(DatabaseRole.APPEND) as connection:
        connection.execute("create temporary table staged (id integer)")


def test_a_ledger_that_is_there_is_never_restored_over(temple: Typed, dumped: Path, ledger: LedgerScenario) -> None:
    ended = temple("db", "restore", str(dumped))
    assert ended.code == 5
    assert "has tables in it" in ended.stderr
    ledger.then_roles("ada", ["Oracle"])


def test_a_rehearsal_reaches_no_ledger_at_all(temple: Typed, dumped: Path, home: Path) -> None:
    away = "postgresql://nobody@127.0.0.1:1/nowhere"
    ended = temple("db", "restore", str(dumped), "--rehearse", TEMPLE_DATABASE_URL=away)
    assert (ended.code, ended.stderr) == (0, "")
    assert "members: 2 members compared, all agree" in ended.stdout
    assert not home.exists()


def test_a_rehearsal_finds_what_is_wrong_in_a_dump(temple: Typed, ledger: LedgerScenario, tmp_path: Path) -> None:
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("delete from temple_member_status where user_id = 'ada'")
    temple("db", "dump", str(tmp_path / "wrong.dump"))
    ended = temple("db", "restore", str(tmp_path / "wrong.dump"), "--rehearse")
    assert (ended.code, "members: 2 members compared, 1 difference" in ended.stdout) == (3, True)


def test_without_a_database_an_embedded_one_is_made_of_the_dump(temple: Typed, dumped: Path, new_home: Path) -> None:
    environment = {"TEMPLE_HOME": str(new_home / "state"), "TEMPLE_DATABASE_URL": None}
    restored = temple("db", "restore", str(dumped), **environment)
    assert restored.code == 0
    # as it is typed without the variable, which would ask another ledger
    (following,) = [line for line in restored.stdout.splitlines() if line.startswith("next, in the restored ledger: ")]
    typed = shlex.split(following.partition(": ")[2])
    assert typed == ["temple", "--home", str(new_home / "state"), "verify", "--full"]
    assert temple(*typed[1:], TEMPLE_DATABASE_URL=None).code == 0
    assert temple("db", "restore", str(dumped), **environment).code == 5
    assert temple("db", "stop", **environment).code == 0
    (new_home / "state" / "postgres").exists()
    EmbeddedServer(new_home / "state").stop("immediate")
    removed(new_home / "state")


def test_a_dump_of_a_login_that_is_no_superuser_names_its_logins(temple: Typed, tmp_path: Path) -> None:
    """Restored by another such login, on a cluster that has none of them."""
    with cluster(16) as first:
        dsn = first.own_database("owner", "temple")
        assert temple("db", "migrate", TEMPLE_DATABASE_URL=dsn).code == 0
        first.execute('create role "a reader"', database="temple")
        first.execute('grant select on webhook_audit_log to "a reader"', "create table own (id int)", database="temple")
        first.execute("alter table own owner to owner", database="temple")
        LedgerScenario(Database(dsn)).given(joined("ada", at(1)))
        dumped = temple("db", "dump", str(tmp_path / "a.dump"), TEMPLE_DATABASE_URL=dsn)
        assert dumped.code == 0, dumped.stderr
    with cluster(18) as second:
        dsn = second.own_database("another", "temple")
        ended = temple("db", "restore", str(tmp_path / "a.dump"), TEMPLE_DATABASE_URL=dsn)
        assert ended.code == 0, ended.stderr
        assert "the dump names a reader, owner: created without the right to log in" in ended.stderr
        assert temple("run", "--until-caught-up", TEMPLE_DATABASE_URL=dsn, TEMPLE_SERVICES_AS_OWNER="1").code == 0
        assert temple("verify", "--full", TEMPLE_DATABASE_URL=dsn).code == 0


def test_a_dump_of_a_newer_server_is_refused(temple: Typed, tmp_path: Path) -> None:
    def migrated(machine: Cluster) -> str:
        dsn = machine.own_database("owner", "temple")
        temple("db", "migrate", TEMPLE_DATABASE_URL=dsn)
        return dsn

    with cluster(18) as newer:
        assert temple("db", "dump", str(tmp_path / "a"), TEMPLE_DATABASE_URL=migrated(newer)).code == 0
    with cluster(16) as older:
        dsn = older.own_database("owner", "temple")
        ended = temple("db", "restore", str(tmp_path / "a"), TEMPLE_DATABASE_URL=dsn)
    assert ended.code == 5
    assert "comes from PostgreSQL 18, and this server is 16" in ended.stderr


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not a dump that temple db dump wrote"),
        (b"# A readme\n" * 1_000, "is not a dump that temple db dump wrote"),
        (b"-- PostgreSQL database dump", "is not a dump that temple db dump wrote"),
        (b"PGDMP", "cannot be read as a dump"),
    ],
)
def test_what_is_no_dump_is_refused_with_a_sentence(
    temple: Typed, tmp_path: Path, elsewhere: str, content: bytes, why: str
) -> None:
    (tmp_path / "file").write_bytes(content)
    ended = temple("db", "restore", str(tmp_path / "file"), TEMPLE_DATABASE_URL=elsewhere)
    assert ended.code == 1
    assert f"temple: {tmp_path / 'file'} {why}" in ended.stderr
    with psycopg.connect(elsewhere) as connection:
        assert connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (0,)


def test_a_dump_that_is_cut_leaves_the_database_empty(temple: Typed, dumped: Path, elsewhere: str) -> None:
    whole = dumped.read_bytes()
    for cut in (1, 2_000, len(whole) // 2):
        dumped.write_bytes(whole[:-cut])
        assert temple("db", "restore", str(dumped), TEMPLE_DATABASE_URL=elsewhere).code == 1
    with psycopg.connect(elsewhere) as connection:
        assert connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (0,)


def test_a_dump_goes_through_a_pipe_and_a_link(temple: Typed, dumped: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "target").write_text("old")
    (tmp_path / "target").chmod(0o640)
    assert temple("db", "dump", str(tmp_path / "link")).code == 0
    assert (tmp_path / "link").is_symlink()
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o640
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "read").open("wb") as read, subprocess.Popen(["cat", tmp_path / "pipe"], stdout=read) as reader:
        assert temple("db", "dump", str(tmp_path / "pipe")).code == 0
        assert reader.wait(timeout=60) == 0
    assert (tmp_path / "read").read_bytes().startswith(b"PGDMP")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_dump_that_is_piped_in_is_refused_and_not_waited_for(temple: Typed, tmp_path: Path, elsewhere: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    ended = temple("db", "restore", str(tmp_path / "pipe"), TEMPLE_DATABASE_URL=elsewhere)
    assert ended.code == 1
    assert f"{tmp_path / 'pipe'} is no regular file, and a dump is read more than once" in ended.stderr


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"])
def test_a_dump_to_stdout_is_the_dump_and_nothing_else(
    spawn: Callable[..., "subprocess.Popen[str]"], temple: Typed, ledger: LedgerScenario, tmp_path: Path, name: str
) -> None:
    with (tmp_path / "out").open("wb") as out:
        out.write(b"before")
        out.flush()
        assert spawn("db", "dump", name, stdout=out.fileno()).wait(60) == 0
    before, dumped = (tmp_path / "out").read_bytes()[:6], (tmp_path / "out").read_bytes()[6:]
    assert before == b"before"
    (tmp_path / "dump").write_bytes(dumped)
    assert temple("db", "restore", str(tmp_path / "dump"), "--rehearse").code == 0


def test_a_dump_whose_reader_goes_is_no_success(
    spawn: Callable[..., "subprocess.Popen[str]"], ledger: LedgerScenario
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        dumping = spawn("db", "dump", "-", stdout=writing)
    finally:
        os.close(writing)
    assert dumping.communicate(timeout=60)[1] == ""
    assert dumping.returncode == 141


def test_the_shell_works_without_psql_on_the_path(spawn: Callable[..., "subprocess.Popen[str]"]) -> None:
    shell = spawn("db", "shell", "--", "-XAtc", "select count(*) from temple_member_status", PATH="/nowhere")
    assert shell.communicate(timeout=60)[0] == "0\n"


def test_a_split_projection_is_restored_with_each_lane_where_it_stood(
    temple: Typed, ledger: LedgerScenario, tmp_path: Path, elsewhere: str
) -> None:
    assert temple("projection", "lanes", "members", "--split", "--apply").code == 0
    ledger.given(role_added("bo", "Seeker", at(4)), role_added("ada", "Seeker", at(5)))
    assert temple("run", "--until-caught-up", "--lanes", "0-7").code == 0
    assert temple("db", "dump", str(tmp_path / "split.dump")).code == 0
    restored = temple("db", "restore", str(tmp_path / "split.dump"), TEMPLE_DATABASE_URL=elsewhere)
    assert (restored.code, restored.stderr) == (0, "")

    def positions() -> list[int]:
        found = temple("projection", "lanes", "members", "--json", TEMPLE_DATABASE_URL=elsewhere).data
        return [lane["position"] for lane in found]

    assert positions() == [5] * 8 + [3] * 8
    assert temple("verify", "--full", TEMPLE_DATABASE_URL=elsewhere).code == 0
    assert temple("run", "--until-caught-up", TEMPLE_DATABASE_URL=elsewhere).code == 0
    assert positions() == [5] * 16
    assert temple("projection", "wait", "members", "--timeout", "0", TEMPLE_DATABASE_URL=elsewhere).code == 0
    assert temple("verify", "--full", TEMPLE_DATABASE_URL=elsewhere).code == 0
