"""The canon's functions name every kind of drift, and its procedure undoes it."""

import threading
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction, transactions
from temple_ledger.infrastructure.read_models.trigger_mode import enable
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import processor_of
from temple_ledger.projections.testing.histories import (
    at,
    joined,
    left,
    marked_inactive,
    pledged,
    role_added,
    role_removed,
)
from tests.canon.folds import Members, by_python, drift, stored

EVERYBODY = ["ada", "bob", "cat", "eve", "nobody"]
VALIDATE = ("validate_ledger_consistency", "validate_member_status_consistency")
REBUILD = "call rebuild_derived_state_from_audit()"
ROLES, STATUS = "discord_user_current_roles", "temple_member_status"

PLANTED: dict[str, tuple[str, Sequence[tuple[Any, ...]]]] = {
    "a role missing": (
        f"delete from {ROLES} where user_id = 'ada' and role = 'Oracle'",
        [("ada", "Oracle", "missing_in_derived", "present", "missing")],
    ),
    "a role too many": (
        f"insert into {ROLES} (user_id, role, granted_at) values ('bob', 'Oracle', now())",
        [("bob", "Oracle", "missing_in_audit", "missing", "present")],
    ),
    "another role": (
        f"update {ROLES} set role = 'Seer' where user_id = 'ada' and role = 'Oracle'",
        [
            ("ada", "Oracle", "missing_in_derived", "present", "missing"),
            ("ada", "Seer", "missing_in_audit", "missing", "present"),
        ],
    ),
    "another time of a grant": (
        f"update {ROLES} set granted_at = '2026-01-09Z' where role = 'Oracle'",
        [("ada", ROLES, "Oracle", "granted_at", "2026-01-01 02:00:00+00", "2026-01-09 00:00:00+00")],
    ),
    "another grantor": (
        f"update {ROLES} set granted_by = null where role = 'Oracle'",
        [("ada", ROLES, "Oracle", "granted_by", "mod", None)],
    ),
    "a member missing": (
        f"delete from {STATUS} where user_id = 'bob'",
        [("bob", STATUS, None, None, "present", "missing")],
    ),
    "a member too many": (
        f"insert into {STATUS} (user_id) values ('nobody')",
        [("nobody", STATUS, None, None, "missing", "present")],
    ),
    "every value of a member": (
        f"""
        update {STATUS}
        set discord_joined_at = null, patreon_tier = 'gold', total_roles_count = 7, last_activity = null,
            status = 'departed'
        where user_id = 'ada'
        """,
        [
            ("ada", STATUS, None, "discord_joined_at", "2026-01-01 01:00:00+00", None),
            ("ada", STATUS, None, "last_activity", "2026-01-01 04:00:00+00", None),
            ("ada", STATUS, None, "patreon_tier", "silver", "gold"),
            ("ada", STATUS, None, "status", "active", "departed"),
            ("ada", STATUS, None, "total_roles_count", "2", "7"),
        ],
    ),
    "nulls where none belong": (
        f"update {STATUS} set status = null, total_roles_count = null where user_id = 'eve'",
        [
            ("eve", STATUS, None, "status", "inactive", None),
            ("eve", STATUS, None, "total_roles_count", "0", None),
        ],
    ),
    "a whole member": (
        f"with gone as (delete from {ROLES} where user_id = 'ada') delete from {STATUS} where user_id = 'ada'",
        [
            ("ada", "Oracle", "missing_in_derived", "present", "missing"),
            ("ada", "Seeker", "missing_in_derived", "present", "missing"),
            ("ada", STATUS, None, None, "present", "missing"),
        ],
    ),
    "a parked member folded further": (
        f"insert into {ROLES} (user_id, role, granted_at) values ('cat', 'Oracle', now())",
        [("cat", "Oracle", "missing_in_audit", "missing", "present")],
    ),
    "a checkpoint set back": (
        "update projection_checkpoint set position = 3, passed = 3 where projection = 'members'",
        [
            ("ada", "Seeker", "missing_in_audit", "missing", "present"),
            ("ada", STATUS, None, "last_activity", "2026-01-01 02:00:00+00", "2026-01-01 04:00:00+00"),
            ("ada", STATUS, None, "patreon_tier", None, "silver"),
            ("ada", STATUS, None, "total_roles_count", "1", "2"),
            ("bob", STATUS, None, "last_activity", "2026-01-01 01:00:00+00", "2026-01-01 03:00:00+00"),
            ("bob", STATUS, None, "status", "active", "departed"),
            ("cat", STATUS, None, None, "missing", "present"),
            ("eve", STATUS, None, None, "missing", "present"),
        ],
    ),
}
UNSEEN = {
    "a frontier missing": "delete from projection_frontier where user_id = 'ada'",
    "a frontier too far": "update projection_frontier set occurred_at = '2027-01-01Z' where user_id = 'ada'",
    "a frontier too many": "insert into projection_frontier values ('members', 'nobody', now(), 1, 1)",
    "a failure missing": "delete from projection_failure",
}
"""What no row shows, but would make the next event wrong."""


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    """Four members; cat is parked."""
    ledger = LedgerScenario(database)
    ledger.given(joined("ada", at(1)), joined("bob", at(1)), role_added("ada", "Oracle", at(2), by="mod"))
    ledger.given(role_added("ada", "Seeker", at(3)), pledged("ada", "silver", at(4)), left("bob", at(3)))
    ledger.given(marked_inactive("eve", at(1)), joined("cat", at(1)))
    with database.connect(DatabaseRole.APPEND) as append:
        append.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, source)"
            " values (gen_random_uuid(), '2026-01-02Z', 'discord_role_change', 'cat', 'added', '', 'elsewhere')"
        )
    ledger.given(role_added("cat", "Oracle", at(9)))
    ledger.catch_up()
    return ledger


def everything(database: Database) -> Members:
    with database.connect(DatabaseRole.READ) as read:
        return stored(read, EVERYBODY)


def sorted_drift(database: Database) -> list[tuple[Any, ...]]:
    with database.connect(DatabaseRole.READ) as read:
        return sorted(drift(read), key=lambda row: [each or "" for each in row])


@pytest.mark.parametrize("what", PLANTED)
def test_drift_is_found_named_and_undone(ledger: LedgerScenario, what: str) -> None:
    plant, named = PLANTED[what]
    before = everything(ledger.database)
    assert sorted_drift(ledger.database) == []
    with ledger.database.connect(DatabaseRole.PROJECT) as project:
        project.execute(plant.encode())
        assert sorted_drift(ledger.database) == sorted(named, key=lambda row: [each or "" for each in row])
        project.execute(REBUILD)
    assert sorted_drift(ledger.database) == []
    ledger.catch_up()
    assert everything(ledger.database) == before
    ledger.then_verified()


@pytest.mark.parametrize("with_trigger", [False, True])
@pytest.mark.parametrize("what", UNSEEN)
def test_what_later_events_go_on_from_is_put_right_as_well(
    ledger: LedgerScenario, what: str, with_trigger: bool
) -> None:
    before = everything(ledger.database)
    if with_trigger:
        enable(ledger.database, catalogue=CATALOGUE, by="ada")
    with ledger.database.connect(DatabaseRole.PROJECT) as project:
        project.execute(UNSEEN[what].encode())
        assert everything(ledger.database) != before or "too many" in what
        project.execute(REBUILD)
    assert everything(ledger.database) == before
    ledger.when(role_added("ada", "Late", at(2.5)), role_added("ada", "Last", at(20)))
    ledger.then_roles("ada", ["Last", "Late", "Oracle", "Seeker"])


NO_STATE = {
    "a frontier missing": "delete from projection_frontier where user_id = 'ada'",
    "a status missing": f"update {STATUS} set status = null where user_id = 'ada'",
    "a member missing": f"delete from {STATUS} where user_id = 'ada'",
    "no activity": f"update {STATUS} set last_activity = null where user_id = 'ada'",
    "an activity to come": f"update {STATUS} set last_activity = '2027-01-01Z' where user_id = 'ada'",
    "a join to come": f"update {STATUS} set discord_joined_at = '2027-01-01Z' where user_id = 'ada'",
    "a grant to come": f"update {ROLES} set granted_at = '2027-01-01Z' where user_id = 'ada'",
    "roles of nobody": f"with gone as (delete from {STATUS} where user_id = 'ada')"
    " delete from projection_frontier where user_id = 'ada'",
}


@pytest.mark.parametrize("what", NO_STATE)
def test_the_trigger_goes_on_from_no_rows_that_can_not_be(ledger: LedgerScenario, what: str) -> None:
    """As the runner does: it folds the member from the log instead, and puts it right by that."""
    enable(ledger.database, catalogue=CATALOGUE, by="ada")
    with ledger.database.connect(DatabaseRole.PROJECT) as project:
        project.execute(NO_STATE[what].encode())
    ledger.when(role_removed("ada", "Oracle", at(20)))
    with ledger.database.connect(DatabaseRole.READ) as read:
        assert stored(read, ["ada"]) == by_python(read, ["ada"])
        assert drift(read) == []


def test_a_rebuild_counts_as_an_attempt_of_whoever_stays_parked(ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.PROJECT) as project:
        project.execute(REBUILD)
        counted = "select attempts from projection_failure where projection = 'members'"
        ((attempts,),) = project.execute(counted).fetchall()
    assert attempts == 2


def test_an_empty_table_is_filled_and_only_what_differs_is_written(ledger: LedgerScenario) -> None:
    before = everything(ledger.database)
    with ledger.database.connect(DatabaseRole.PROJECT) as project:
        for table in (ROLES, STATUS, "projection_frontier", "projection_failure"):
            project.execute(f"delete from {table}".encode())
        project.execute(REBUILD)
        assert everything(ledger.database) == before
        project.execute(f"update {STATUS} set status = 'departed' where user_id = 'eve'".encode())
        versions = f"select user_id, xmin::text from {STATUS} union all select role, xmin::text from {ROLES}"
        written_before: dict[str, str] = dict(project.execute(versions.encode()).fetchall())
        project.execute(REBUILD)
        written: dict[str, str] = dict(project.execute(versions.encode()).fetchall())
        assert {name for name in written if written[name] != written_before[name]} == {"eve"}
        done = project.execute("select kind, performed_by, details from ledger_operation order by id").fetchall()
    login = done[0][1]
    assert [(kind, by) for kind, by, _ in done] == [("rebuild in sql", login)] * 2
    assert [(each["changed_members"], each["rows_written"], each["parked"]) for *_, each in done] == [
        (4, 6, 1),
        (1, 1, 1),
    ]


def test_what_a_runner_remembered_is_void_after_a_rebuild(ledger: LedgerScenario) -> None:
    """Otherwise the drift that it had read would come back with the next event."""
    with ledger.database.connect(DatabaseRole.PROJECT) as project:
        processor = processor_of(members, transactions(project), catalogue=CATALOGUE)
        project.execute(f"delete from {ROLES} where user_id = 'ada' and role = 'Oracle'".encode())
        for hour, role in ((20, "One"), (21, "Two")):
            ledger.given(role_added("ada", role, at(hour)))
            processor.step(upto=settled_head(project), limit=10)
            if role == "One":
                assert [row[3] for row in drift(project)] == ["present", "total_roles_count"]
                project.execute(REBUILD)
        assert drift(project) == []


def test_both_functions_read_one_snapshot_while_everything_else_goes_on(ledger: LedgerScenario) -> None:
    database = ledger.database
    stop = threading.Event()

    def append() -> None:
        for number in range(10_000):
            if stop.wait(0.002):
                return
            ledger.given(role_added(f"{number % 7}", "Oracle", at(number % 50)))

    with Wakeup(database) as wakeup:
        runner = Runner(database, [members, activity], wakeup, catalogue=CATALOGUE)
        threads = [threading.Thread(target=append), threading.Thread(target=runner.run)]
        for thread in threads:
            thread.start()
        try:
            with database.connect(DatabaseRole.READ) as read:
                found = [drift(read) for _ in range(40)]
        finally:
            stop.set()
            runner.stop()
            wakeup.wake()
            for thread in threads:
                thread.join(60)
    assert found == [[]] * 40
    with database.connect(DatabaseRole.READ) as read:
        kinds = read.execute("select distinct provolatile from pg_proc where proname = any(%s)", (list(VALIDATE),))
        assert kinds.fetchall() == [("s",)], "only stable functions share their caller's snapshot"


def test_a_rebuild_beside_appenders_with_the_trigger_on_loses_nothing(ledger: LedgerScenario) -> None:
    database = ledger.database
    enable(database, catalogue=CATALOGUE, by="ada")
    stop = threading.Event()

    def append() -> None:
        for number in range(10_000):
            if stop.wait(0.001):
                return
            ledger.given(role_added(f"{number % 7}", f"role-{number % 11}", at(number % 50)))

    thread = threading.Thread(target=append)
    thread.start()
    try:
        with database.connect(DatabaseRole.PROJECT) as project:
            for _ in range(15):
                project.execute(f"update {STATUS} set patreon_tier = 'drift' where user_id < '4'".encode())
                project.execute(REBUILD)
    finally:
        stop.set()
        thread.join(60)
    assert verify(database, members, catalogue=CATALOGUE).ok
    with database.connect(DatabaseRole.READ) as read:
        everybody = [str(number) for number in range(7)]
        assert stored(read, everybody) == by_python(read, everybody)


def test_with_the_trigger_on_whoever_rebuilds_or_repairs_waits_for_open_appends(ledger: LedgerScenario) -> None:
    """They may have read what is about to be changed."""
    database = ledger.database
    enable(database, catalogue=CATALOGUE, by="ada")
    with (
        database.connect(DatabaseRole.APPEND) as append,
        append.transaction(),
        database.connect(DatabaseRole.PROJECT) as project,
    ):
        append.execute(
            "insert into webhook_audit_log (event_id, event_type, user_id, action, source)"
            " values (gen_random_uuid(), 'discord_join', 'ada', 'joined', 'test')"
        )
        project.execute("set lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            project.execute(REBUILD)
        with pytest.raises(psycopg.errors.LockNotAvailable), project.transaction():
            PostgresTransaction(project).lock_checkpoint(members.key)
    assert verify(database, members, catalogue=CATALOGUE).ok


def test_a_rebuild_needs_the_right_role_the_right_rules_and_a_snapshot_of_its_own(ledger: LedgerScenario) -> None:
    database = ledger.database
    with database.connect(DatabaseRole.READ) as read, pytest.raises(psycopg.errors.InsufficientPrivilege):
        read.execute(REBUILD)
    with database.connect(DatabaseRole.PROJECT, autocommit=False) as project:
        project.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            project.execute(REBUILD)
    with database.connect(DatabaseRole.PROJECT) as project:
        project.execute("update projection_checkpoint set version = 9 where projection = 'members'")
        for question in (REBUILD, *(f"select * from {function}()" for function in VALIDATE)):
            with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
                project.execute(question.encode())


def test_a_rebuild_in_sql_does_not_search_row_by_row_what_is_believed_to_be_empty(database: Database) -> None:
    """As it is after a table was emptied, looked at and filled again; a time-out says so before minutes have passed."""
    with database.connect(DatabaseRole.OWNER) as owner:
        owner.execute(
            "insert into webhook_audit_log (event_id, event_type, user_id, action, target, source)"
            " select gen_random_uuid(), 'discord_role_change', 'u' || n, 'added', 'Oracle', 'test'"
            " from generate_series(1, 10000) as n"
        )
        owner.execute("analyze webhook_audit_log")
        owner.execute("update projection_checkpoint set position = 10000 where projection = 'members'")
        owner.execute(REBUILD)
        for table in (ROLES, STATUS, "projection_frontier"):
            owner.execute(f"create temporary table kept as select * from {table}".encode())
            owner.execute(f"delete from {table}".encode())
            owner.execute(f"analyze {table}".encode())
            owner.execute(f"insert into {table} select * from kept".encode())
            owner.execute("drop table kept")
        for table, columns, values in (
            (ROLES, "user_id, role, granted_at", "'made up ' || n, 'Oracle', now()"),
            (STATUS, "user_id", "'made up ' || n"),
        ):
            owner.execute(f"insert into {table} ({columns}) select {values} from generate_series(1, 20000) n".encode())
        owner.execute("set statement_timeout = '5s'")
        owner.execute(REBUILD)
    with database.connect(DatabaseRole.READ) as read:
        assert drift(read) == []
