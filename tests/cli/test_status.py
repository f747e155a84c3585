"""`temple status`: one screen, and the command to type for each trouble."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from tests.cli.conftest import Typed


@pytest.fixture
def folded(temple: Typed, tmp_path: Path) -> Typed:
    """A small community, imported and folded."""
    file = tmp_path / "demo.jsonl"
    temple("demo", "--members", "40", "--events", "600", "-o", str(file))
    assert temple("events", "import", str(file)).code == 0
    assert temple("run", "--until-caught-up").code == 0
    return temple


def owner(database: Database, statement: str) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(statement.encode())


def number(database: Database, question: str) -> int:
    with database.connect(DatabaseRole.READ) as connection:
        row = connection.execute(question).fetchone()
        assert row is not None
        return int(row[0])


def test_it_counts_events_members_and_patrons_without_counting_the_log(folded: Typed, database: Database) -> None:
    data = folded("status", "--json").data
    assert data["log"]["events"] == number(database, "select count(*) from webhook_audit_log")
    assert data["log"]["head"] == number(database, "select max(id) from webhook_audit_log")
    patrons = number(database, "select count(*) from temple_member_status where user_id like 'patreon:%%'")
    assert data["patrons_without_discord"] == patrons
    everybody = number(database, "select count(*) from temple_member_status")
    assert sum(data["members"].values()) == everybody - patrons
    assert set(data["members"]) == {"active", "inactive", "departed"}


def test_events_that_are_not_folded_yet_are_counted_too(folded: Typed, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "more.jsonl"
    folded("demo", "--members", "10", "--events", "50", "--seed", "99", "-o", str(file))
    folded("events", "import", str(file))
    data = folded("status", "--json").data
    assert data["log"]["events"] == number(database, "select count(*) from webhook_audit_log")
    lag = data["projections"][0]["lag_events"]
    assert lag > 0
    assert data["projections"][0]["lag_seconds"] > 0
    assert f"no runner is at work; {lag} events to fold" in [each["what"] for each in data["troubles"]]


LEFT_BEHIND = {
    "paused": "update projection_checkpoint set state = 'paused', position = 1 where projection = 'members'",
    "a version that readers do not see": (
        "insert into projection_checkpoint (projection, version, active, position) values ('members', 7, false, 1)"
    ),
    "without its package": (
        "insert into projection_checkpoint (projection, version, active, position) values ('gone', 1, true, 1)"
    ),
}


@pytest.mark.parametrize("left", LEFT_BEHIND)
def test_what_no_runner_would_fold_does_not_wait_for_one(folded: Typed, database: Database, left: str) -> None:
    owner(database, LEFT_BEHIND[left])
    troubles = folded("status", "--json").data["troubles"]
    assert {"what": "no runner is at work", "next": "temple run"} in troubles


def test_people_see_it_within_80_columns_for_each_line_but_the_path(folded: Typed) -> None:
    ended = folded("status")
    assert ended.code == 0
    for word in ("database", "log", "members", "patron", "parked", "projection", "activity"):
        assert word in ended.stdout
    lines = [line.rstrip() for line in ended.stdout.splitlines() if not line.startswith("database")]
    assert max(map(len, lines)) <= 100


TROUBLES = {
    "paused": (
        ("update projection_checkpoint set state = 'paused', reason = 'maintenance' where projection = 'members'"),
        "members stands still (paused): maintenance",
        "temple projection resume members",
    ),
    "failed": (
        "update projection_checkpoint set state = 'failed', reason = 'no room' where projection = 'activity'",
        "activity stands still (failed): no room",
        "temple projection resume activity",
    ),
    "another version": (
        "update projection_checkpoint set state = 'needs replay' where projection = 'members'",
        "members stands still (needs replay)",
        "temple replay members --apply",
    ),
    "without its package": (
        "insert into projection_checkpoint (projection, version, active, position) values ('gone', 1, true, 3)",
        "nothing folds gone, whose rows stand at position 3: it is not installed here",
        "install its package again, or drop its tables",
    ),
    "rows of another version": (
        "update projection_checkpoint set version = 7 where projection = 'activity'",
        "activity stands still (not installed): this installation has version 1",
        "temple projection switch activity --to 1",
    ),
    "parked": (
        (
            "insert into projection_failure (projection, version, position, user_id, error) "
            "values ('members', 1, 1, '1', 'x')"
        ),
        "1 event could not be folded; its member is parked",
        "temple failures list",
    ),
    "nobody runs": ("select 1", "no runner is at work", "temple run"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_each_trouble_comes_with_the_command_to_type(folded: Typed, database: Database, trouble: str) -> None:
    statement, what, command = TROUBLES[trouble]
    owner(database, statement)
    troubles = folded("status", "--json").data["troubles"]
    assert {"what": what, "next": command} in troubles
    assert f"{what}\n    {command}\n" in folded("status").stdout


def test_a_prepared_transaction_that_holds_readers_up_is_named(temple: Typed, database: Database) -> None:
    with database.connect(DatabaseRole.LOGIN, autocommit=False) as connection:
        connection.execute("create table somebodys (id integer)")
        connection.execute("prepare transaction 'left behind'")
        try:
            troubles = temple("status", "--json").data["troubles"]
        finally:
            connection.autocommit = True
            connection.execute("rollback prepared 'left behind'")
    assert any("prepared transaction left behind" in each["what"] for each in troubles)


def test_migrations_to_apply_are_a_trouble_and_not_an_error(temple: Typed, database: Database) -> None:
    owner(database, "delete from ledger_migration where number = (select max(number) from ledger_migration)")
    ended = temple("status")
    assert ended.code == 0
    assert "1 migration to apply\n    temple db migrate\n" in ended.stdout


def test_a_database_that_takes_no_writes_is_a_trouble(folded: Typed, database: Database) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        name = connection.info.dbname
    owner(database, f'alter database "{name}" set default_transaction_read_only = on')
    troubles = [each["what"] for each in folded("status", "--json").data["troubles"]]
    assert troubles[0] == "writes: new sessions take none: default_transaction_read_only is on (set by: database)"
    found = [each for each in folded("doctor", "--json").data if each["outcome"] == "fail"]
    assert "writes" in [each["check"] for each in found]
    assert not any("see what it says" in each["advice"] for each in found)


def test_a_database_that_cannot_store_every_name_is_a_trouble(temple: Typed, database: Database) -> None:
    owner(database, "create database latin encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'")
    dsn = make_conninfo(database.dsn, dbname="latin")
    try:
        trouble = temple("status", "--json", TEMPLE_DATABASE_URL=dsn).data["troubles"][0]
    finally:
        owner(database, "drop database latin")
    assert trouble["what"] == "encoding: LATIN1"
    assert "UTF8" in trouble["next"]


def test_what_the_latest_verify_found_is_a_trouble_until_one_finds_nothing(folded: Typed, database: Database) -> None:
    assert "verified  never" in folded("status").stdout
    owner(database, "update temple_member_status set total_roles_count = 99 where total_roles_count = 2")
    folded("reconcile", "--repair-below", "0")
    (trouble,) = [each for each in folded("status", "--json").data["troubles"] if "difference" in each["what"]]
    assert trouble["next"] == "temple repair members"
    folded("repair", "--apply", "--reason", "a test")
    folded("verify", "--full")
    said = folded("status")
    assert "members agrees, " in said.stdout
    assert "difference" not in said.stdout


def test_watching_looks_again_until_it_is_ended(folded: Typed, spawn: Callable[..., "subprocess.Popen[str]"]) -> None:
    process = spawn("status", "--watch", "--every", "0.1", "--json")
    assert process.stdout is not None
    heads = [json.loads(process.stdout.readline())["data"]["log"]["head"] for _ in range(2)]
    appended = folded("events", "append", "--type", "discord_leave/left", "--user", "ada", "--json").data
    while heads[-1] != appended["position"]:
        heads.append(json.loads(process.stdout.readline())["data"]["log"]["head"])
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_watching_goes_on_while_the_database_is_away(spawn: Callable[..., "subprocess.Popen[str]"]) -> None:
    away = {"TEMPLE_DATABASE_URL": "postgresql://127.0.0.1:1/nothing"}
    process = spawn("status", "--watch", "--every", "0.1", "--json", **away)
    assert process.stdout is not None
    for _ in range(2):
        (trouble,) = json.loads(process.stdout.readline())["data"]["troubles"]
        assert "cannot reach" in trouble["what"]
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0
