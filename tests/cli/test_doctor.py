"""`temple doctor` finds what is wrong, says what to do, and ends with 3 when a check failed."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.observability.doctor.finding import CheckOutcome
from temple_ledger.infrastructure.observability.doctor.machine import check_account, check_secrets, check_state_dir
from temple_ledger.infrastructure.observability.doctor.server import check_release
from tests.cli.conftest import Typed


def checks(temple: Typed, code: int) -> dict[str, dict[str, Any]]:
    ended = temple("doctor", "--json")
    assert ended.code == code, ended.stdout
    # of several with one name, the worst
    order = {"ok": 0, "warn": 1, "fail": 2}
    found: dict[str, dict[str, Any]] = {}
    for each in ended.data:
        kept = found.get(each["check"])
        if kept is None or order[each["outcome"]] > order[kept["outcome"]]:
            found[each["check"]] = each
    return found


@pytest.fixture
def durable(database: Database) -> Iterator[Database]:
    """The server of the tests gives up durability, which the doctor rightly calls a failure."""
    settings = ("fsync", "full_page_writes", "synchronous_commit")
    with database.connect(DatabaseRole.LOGIN) as connection:
        for name in settings:
            connection.execute(f"alter system set {name} = on")
        until(connection, "on")
        yield database
        for name in settings:
            connection.execute(f"alter system reset {name}")
        until(connection, "off")


def until(connection: psycopg.Connection, fsync: str) -> None:
    """The server has read its settings again, and new sessions begin with them."""
    connection.execute("select pg_reload_conf()")
    while connection.execute("show fsync").fetchone() != (fsync,):
        connection.execute("select pg_sleep(0.01)")


def test_a_new_ledger_has_nothing_wrong(temple: Typed, durable: Database) -> None:
    found = checks(temple, 0)
    assert {each["outcome"] for each in found.values()} <= {"ok", "warn"}
    for name in (
        "append-only",
        "roles",
        "gap proof",
        "migrations",
        "projection members",
        "clock",
        "encoding",
    ):
        assert found[name]["outcome"] == "ok", found[name]


BROKEN = {
    "append-only": "alter table webhook_audit_log disable trigger webhook_audit_log_is_append_only",
    "gap proof": "alter sequence webhook_audit_log_id_seq cache 10",
    "roles": "grant insert on webhook_audit_log to temple_read",
    "migrations": "delete from ledger_migration where number = (select max(number) from ledger_migration)",
    "projection members": "update projection_checkpoint set state = 'failed' where projection = 'members'",
}


@pytest.mark.parametrize("check", BROKEN)
def test_what_is_broken_fails_its_check_and_ends_with_3(temple: Typed, durable: Database, check: str) -> None:
    with durable.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(BROKEN[check])
    found = checks(temple, 3)
    assert found[check]["outcome"] == "fail"
    assert found[check]["advice"]


def test_a_trigger_that_is_enabled_for_ordinary_sessions_only_is_not_enough(temple: Typed, durable: Database) -> None:
    with durable.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("alter table webhook_audit_log enable trigger webhook_audit_log_is_append_only")
    assert checks(temple, 3)["gap proof"]["outcome"] == "fail"


WARNED = {
    "triggers": """
        create function theirs() returns trigger language plpgsql as 'begin return null; end';
        create trigger theirs after insert on webhook_audit_log for each row execute function theirs()
    """,
    "projection members": "update projection_checkpoint set state = 'needs replay' where projection = 'members'",
    "projection gone": "insert into projection_checkpoint (projection, version, active) values ('gone', 1, true)",
}


@pytest.mark.parametrize("check", WARNED)
def test_what_may_be_meant_is_only_warned_of(temple: Typed, durable: Database, check: str) -> None:
    with durable.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(WARNED[check])
    assert checks(temple, 0)[check]["outcome"] == "warn"


def test_trying_what_is_refused_changes_nothing(temple: Typed, database: Database) -> None:
    with database.connect(DatabaseRole.APPEND) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, event_type, user_id, action, source)"
            " values (gen_random_uuid(), 'a', 'b', 'c', 'd')"
        )
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("alter table webhook_audit_log disable trigger webhook_audit_log_is_append_only")
        checks(temple, 3)
        assert connection.execute("select source from webhook_audit_log").fetchall() == [("d",)]


def test_a_busy_log_is_not_held_up_for_the_sake_of_a_check(temple: Typed, durable: Database) -> None:
    with durable.connect(DatabaseRole.LOGIN, autocommit=False) as busy:
        busy.execute("lock table webhook_audit_log in row exclusive mode")
        assert checks(temple, 0)["append-only"]["outcome"] == "warn"


def test_a_database_that_is_not_there_fails_one_check_and_the_others_are_still_made(temple: Typed, home: Path) -> None:
    ended = temple("doctor", "--json", TEMPLE_DATABASE_URL=f"postgresql:///temple?host={home}")
    assert ended.code == 3
    outcomes = {each["check"]: each["outcome"] for each in ended.data}
    assert outcomes["database"] == "fail"
    assert outcomes["python"] == "ok"


def test_what_the_server_cannot_answer_stops_no_other_check(temple: Typed, durable: Database) -> None:
    with durable.connect(DatabaseRole.LOGIN) as connection:
        for setting in ("temp_file_limit", "work_mem"):
            connection.execute(f"alter database {connection.info.dbname} set {setting} = '64kB'".encode())
    found = checks(temple, 3)
    assert found["server"]["outcome"] == "fail"
    assert "could not be checked: the database has run into a limit (temporary file size" in found["server"]["found"]
    assert {"migrations", "append-only", "rollups"} <= found.keys()


def test_where_there_is_no_ledger_yet_none_is_made(temple: Typed, home: Path) -> None:
    assert temple("doctor", TEMPLE_DATABASE_URL=None).code == 3
    assert not home.exists()


def test_a_state_directory_that_others_can_read_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert check_state_dir(tmp_path).outcome is CheckOutcome.FAIL
    tmp_path.chmod(0o710)
    assert check_state_dir(tmp_path).outcome is CheckOutcome.OK
    assert check_state_dir(tmp_path / "nothing").outcome is CheckOutcome.OK


def test_a_secret_that_everybody_can_read_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "temple_database_url"
    file.touch(0o600)
    assert check_secrets([file]).outcome is CheckOutcome.OK
    file.chmod(0o644)
    passable = all(folder.stat().st_mode & 0o001 for folder in file.resolve().parents)
    assert check_secrets([file]).outcome is (CheckOutcome.WARN if passable else CheckOutcome.OK)
    tmp_path.chmod(0o700)
    assert check_secrets([file]).outcome is CheckOutcome.OK


def test_each_line_says_the_outcome_first_and_the_advice_below(temple: Typed) -> None:
    ended = temple("doctor")
    assert ended.code == 3
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("ok    python: 3.")
    found = next(place for place, line in enumerate(lines) if line.startswith("fail  durability: fsync off"))
    assert lines[found + 1].startswith("      turn both on")
    assert lines[-1].endswith("warned")


def test_differences_that_a_verify_left_are_a_failure_and_an_old_verify_is_warned_of(
    temple: Typed, durable: Database
) -> None:
    assert not [name for name in checks(temple, 0) if name.startswith("verified")]
    temple("verify", "--full")
    assert checks(temple, 0)["verified members"]["outcome"] == "ok"
    with durable.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("update verification set finished_at = now() - interval '1 hour'")
        assert checks(temple, 0)["verified members"]["outcome"] == "warn"
        connection.execute("update verification set drifts = 3 where projection = 'members'")
        found = checks(temple, 3)["verified members"]
    assert (found["outcome"], found["advice"]) == ("fail", "run: temple repair members")


def test_in_trigger_mode_a_server_that_does_not_time_functions_is_warned_of(temple: Typed, durable: Database) -> None:
    temple("trigger", "enable")
    assert "trigger durations" not in checks(temple, 0)
    with durable.connect(DatabaseRole.LOGIN) as connection:
        name = connection.info.dbname
        connection.execute(f"alter database {name} set track_functions = none")
    assert checks(temple, 0)["trigger durations"]["outcome"] == "warn"


def test_a_file_of_settings_is_private_only_where_it_has_a_secret(temple: Typed, tmp_path: Path) -> None:
    machine = tmp_path / "machine.toml"

    def secret_files() -> str:
        checks = temple("doctor", "--json", TEMPLE_CONFIG_FILE=str(machine)).data
        return next(str(each["found"]) for each in checks if each["check"] == "secret files")

    machine.write_text('database_url = "postgresql:///temple?host=/run/postgresql"\ndiscord_guild = "1"\n')
    assert str(machine) not in secret_files()
    for secret in ('database_url = "postgresql://ada:hunter2@h/temple"', 'patreon_secrets = "0123456789abcdef"'):
        machine.write_text(secret)
        assert str(machine) in secret_files()


def test_a_prepared_transaction_that_holds_readers_up_is_named(temple: Typed, database: Database) -> None:
    with database.connect(DatabaseRole.LOGIN, autocommit=False) as connection:
        connection.execute("create table somebodys (id integer)")
        connection.execute("prepare transaction 'left behind'")
        try:
            found = checks(temple, 3)["prepared transactions"]
        finally:
            connection.autocommit = True
            connection.execute("rollback prepared 'left behind'")
    assert "left behind" in found["found"]
    assert "rollback prepared 'left behind'" in found["advice"]


@pytest.mark.parametrize(("account", "outcome"), [("nobody", "warn"), ("postgres", "warn"), ("temple-ledger", "ok")])
def test_an_account_that_the_embedded_server_shares_is_named(account: str, outcome: str) -> None:
    found = check_account(account)
    assert (found.outcome, account in found.found) == (CheckOutcome(outcome), True)


@pytest.mark.parametrize(
    ("today", "outcome", "says"),
    [
        (date(2026, 5, 14), "ok", "0 days old; no round of fixes came since"),
        (date(2026, 8, 12), "ok", "90 days old; no round"),
        (date(2026, 8, 13), "warn", "a round of fixes came since, the last on 2026-08-13"),
        (date(2026, 11, 28), "warn", "198 days old; 2 rounds of fixes came since, the last on 2026-11-12"),
        (date(2027, 2, 11), "warn", "3 rounds of fixes came since, the last on 2027-02-11"),
    ],
)
def test_the_age_of_the_embedded_release_is_named(today: date, outcome: str, says: str) -> None:
    found = check_release("16.14", today)
    assert (found.outcome, says in found.found) == (CheckOutcome(outcome), True), found


def test_the_release_of_the_embedded_server_is_checked(temple: Typed, durable: Database) -> None:
    assert "days old" in checks(temple, 0)["server release"]["found"]
