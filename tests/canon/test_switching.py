"""Runner and trigger take over from one another at an exact position, also while events come."""

import threading
from copy import copy
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.log_entry import entry_of_event
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database import canon
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.queries.projection_status import projection_status
from temple_ledger.infrastructure.read_models import operations
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild, rebuild
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.infrastructure.read_models.trigger_mode import TriggerStatus, disable, enable, trigger_status
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.repair import altered_ranges, repair
from temple_ledger.infrastructure.read_models.versions.switch import switch
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined, left, role_added, role_removed
from tests.canon.folds import drift

APPENDERS = 4
SWITCHES = 5


def status(database: Database) -> TriggerStatus:
    with database.connect(DatabaseRole.READ) as connection:
        return trigger_status(connection)


def scalar(database: Database, query: str) -> int:
    with database.connect(DatabaseRole.READ) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def append_until(stop: threading.Event, database: Database, number: int, appended: list[int]) -> None:
    with LogAppender(database) as appender:
        for event in count():
            if stop.is_set():
                return
            # not as quickly as it can be done: whoever folds needs some of the time
            stop.wait(0.003)
            hour, user_id = event * 7 % 50, f"{number}-{event % 5}"
            facts = (
                joined(user_id, at(hour)),
                role_added(user_id, "Oracle", at(hour + 3)),
                left(user_id, at(hour + 5)),
            )
            appender.append_many([entry_of_event(fact, event_id=uuid4(), catalogue=CATALOGUE) for fact in facts])
            appended.append(len(facts))


def test_back_and_forth_under_load_nothing_is_lost_and_nothing_is_doubled(database: Database) -> None:
    stop = threading.Event()
    appended: list[int] = []
    with Wakeup(database) as wakeup:
        runner = Runner(database, [members, activity], wakeup, catalogue=CATALOGUE)
        threads = [threading.Thread(target=runner.run)] + [
            threading.Thread(target=append_until, args=(stop, database, number, appended))
            for number in range(APPENDERS)
        ]
        for thread in threads:
            thread.start()
        try:
            positions = []
            for _ in range(SWITCHES):
                positions.append(enable(database, catalogue=CATALOGUE, by="ada").position)
                stop.wait(0.15)
                positions.append(disable(database, by="ada").position)
                stop.wait(0.15)
        finally:
            stop.set()
            for thread in threads[1:]:
                thread.join(60)
            runner.stop()
            wakeup.wake()
            threads[0].join(60)
    assert not any(thread.is_alive() for thread in threads)
    LedgerScenario(database).catch_up()
    for projection in (members, activity):
        assert verify(database, projection, catalogue=CATALOGUE).ok
    with database.connect(DatabaseRole.READ) as read:
        assert drift(read) == []
    in_log = scalar(database, "select count(*) from webhook_audit_log")
    journaled = scalar(database, "select sum(events) from projection_batch where projection = 'members'")
    by_trigger = scalar(
        database,
        "select count(*) from webhook_audit_log as log"
        " join trigger_period as period on log.id > after_position and log.id <= upto_position",
    )
    assert in_log == sum(appended) == journaled
    assert 0 < by_trigger < in_log
    with database.connect(DatabaseRole.READ) as read:
        assert altered_ranges(read, members.key, Position(2**62)) == []
    assert positions == sorted(positions)


def test_whoever_keeps_the_rows_is_said(database: Database) -> None:
    ledger = LedgerScenario(database)
    ledger.given(joined("ada", at(1)))
    before = status(database)
    assert (before.on, before.enabled, before.since_position, before.events, before.problem) == (
        False, False, None, None, None
    )  # fmt: skip
    assert enable(database, reason="a test", catalogue=CATALOGUE, by="ada").position == 1
    ledger.when(role_added("ada", "Oracle", at(2)))
    there = status(database)
    assert (there.on, there.enabled, there.since_position, there.events, there.problem) == (True, True, 1, 1, None)
    assert there.since is not None
    assert disable(database, reason="a test", by="ada").events == 1
    assert not status(database).on
    with database.connect(DatabaseRole.READ) as read:
        found = read.execute("select kind, reason, details -> 'position' from ledger_operation order by id").fetchall()
    assert found == [("trigger enable", "a test", 1), ("trigger disable", "a test", 2)]


def test_with_the_trigger_on_nothing_lags_and_nothing_is_missing(database: Database) -> None:
    ledger = LedgerScenario(database)
    enable(database, catalogue=CATALOGUE, by="ada")
    ledger.given(joined("ada", at(1)), role_added("ada", "Oracle", at(2)))
    with database.connect(DatabaseRole.READ) as read:
        found = projection_status(read, [members], "members", catalogue=CATALOGUE)
        triggers = read.execute(statement("doctor_other_triggers")).fetchall()
    assert (found.state, found.position, found.lag_events, found.next_command) == ("trigger", 2, 0, None)
    assert triggers == []
    with Wakeup(database) as wakeup:
        Runner(database, [members, activity], wakeup, catalogue=CATALOGUE).run(until_caught_up=True)
    assert verify(database, activity, catalogue=CATALOGUE).ok


def test_processed_at_is_recorded_at_for_what_the_trigger_folded_also_afterwards(database: Database) -> None:
    ledger = LedgerScenario(database)
    ledger.given(joined("ada", at(1)))
    enable(database, catalogue=CATALOGUE, by="ada")
    ledger.when(role_added("ada", "Oracle", at(2)), left("ada", at(3)))
    with database.connect(DatabaseRole.READ) as read:
        trail = "select id from webhook_audit_trail where processed_at = recorded_at order by id"
        assert read.execute(trail).fetchall() == [(2,), (3,)]
        disable(database, by="ada")
        ledger.when(joined("ada", at(4)))
        ledger.catch_up()
        assert read.execute(trail).fetchall() == [(2,), (3,)]
        assert read.execute("select count(processed_at) from webhook_audit_trail").fetchone() == (4,)


def test_what_was_not_folded_yet_is_folded_before_the_trigger_takes_over(database: Database) -> None:
    ledger = LedgerScenario(database)
    for number in range(30):
        ledger.given(*[joined(f"{number}-{who}", at(who)) for who in range(40)])
    assert enable(database, catalogue=CATALOGUE, by="ada").position == 1_200
    assert verify(database, members, catalogue=CATALOGUE).ok


def test_an_open_transaction_is_waited_for_and_named(database: Database) -> None:
    with database.connect(DatabaseRole.APPEND) as slow:
        with slow.transaction():
            slow.execute(
                "insert into webhook_audit_log (event_id, event_type, user_id, action, source)"
                " values (gen_random_uuid(), 'discord_join', 'ada', 'joined', 'test')"
            )
            with pytest.raises(Refused, match=f"pid {slow.info.backend_pid}"):
                enable(database, patience_seconds=0.6, catalogue=CATALOGUE, by="ada")
            with database.connect(DatabaseRole.APPEND) as other:
                # whoever appends is not held up by a switch that gave up
                other.execute(
                    "insert into webhook_audit_log (event_id, event_type, user_id, action, source)"
                    " values (gen_random_uuid(), 'discord_join', 'bob', 'joined', 'test')"
                )
        assert not status(database).on
        assert enable(database, catalogue=CATALOGUE, by="ada").position == 2
    assert verify(database, members, catalogue=CATALOGUE).ok


def test_it_can_not_be_switched_on_or_off_twice(database: Database) -> None:
    with pytest.raises(Refused, match="off already"):
        disable(database, by="ada")
    enable(database, catalogue=CATALOGUE, by="ada")
    with pytest.raises(Refused, match="on already"):
        enable(database, catalogue=CATALOGUE, by="ada")


@pytest.mark.parametrize("state", [ProjectionState.PAUSED, ProjectionState.FAILED])
def test_it_is_not_switched_on_where_the_rows_are_not_those_of_the_log(
    database: Database, state: ProjectionState
) -> None:
    operations.set_state(database, members.key, state, by="ada")
    with pytest.raises(Refused, match="temple projection resume members"):
        enable(database, catalogue=CATALOGUE, by="ada")


def test_it_is_not_switched_on_where_the_tables_are_not_filled(database: Database) -> None:
    with database.connect(DatabaseRole.OWNER) as owner:
        owner.execute("update projection_checkpoint set state = 'needs replay' where projection = 'members'")
    with pytest.raises(Refused, match="temple replay members --apply"):
        enable(database, catalogue=CATALOGUE, by="ada")


def test_there_is_never_a_second_maintainer(database: Database) -> None:
    """Neither by our commands nor by hand."""
    enable(database, catalogue=CATALOGUE, by="ada")
    for state in (ProjectionState.PAUSED, ProjectionState.RUNNING):
        with pytest.raises(Refused, match="temple trigger disable"):
            operations.set_state(database, members.key, state, by="ada")
    with database.connect(DatabaseRole.OWNER) as owner:
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            owner.execute("update projection_checkpoint set state = 'running' where projection = 'members'")
        owner.execute("drop trigger trigger_sync_current_roles on webhook_audit_log")
        assert status(database).problem is not None
    disable(database, by="ada")
    with database.connect(DatabaseRole.OWNER) as owner, pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        owner.execute("update projection_checkpoint set state = 'trigger' where projection = 'members'")


def test_the_trigger_also_fires_where_ordinary_ones_do_not(database: Database) -> None:
    enable(database, catalogue=CATALOGUE, by="ada")
    with database.connect(DatabaseRole.LOGIN) as login:
        login.execute("set session_replication_role = replica")
        login.execute(
            "insert into webhook_audit_log (event_id, event_type, user_id, action, source)"
            " values (gen_random_uuid(), 'discord_join', 'ada', 'joined', 'test')"
        )
    assert verify(database, members, catalogue=CATALOGUE).ok


def test_the_appending_role_may_not_touch_what_the_trigger_writes(database: Database) -> None:
    enable(database, catalogue=CATALOGUE, by="ada")
    with database.connect(DatabaseRole.APPEND) as append:
        for attempt in (
            "update temple_member_status set status = 'active'",
            "delete from trigger_member",
            "select members_take_in('{1}')",
            "select members_fold_again(1, null)",
            "call rebuild_derived_state_from_audit()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                append.execute(attempt.encode())


def test_verify_repair_and_replay_work_with_the_trigger_on(database: Database) -> None:
    ledger = LedgerScenario(database)
    enable(database, catalogue=CATALOGUE, by="ada")
    ledger.given(joined("ada", at(1)), role_added("ada", "Oracle", at(2)), role_removed("ada", "Oracle", at(1)))
    with database.connect(DatabaseRole.READ) as read:
        assert read_checkpoints(read)[members.key].position == 3
    for put_right in ("repair", "replay"):
        with database.connect(DatabaseRole.PROJECT) as project:
            project.execute("update temple_member_status set status = 'departed'")
        verified = verify(database, members, catalogue=CATALOGUE)
        assert (verified.position, verified.drifted, verified.miscounted) == (3, ["ada"], False)
        if put_right == "repair":
            assert repair(database, members, verified, reason="a test", catalogue=CATALOGUE, by="ada").members == 1
        else:
            rebuild(database, members, catalogue=CATALOGUE, by="ada")
        assert verify(database, members, catalogue=CATALOGUE).ok
        assert status(database).on
    ledger.when(left("ada", at(5)))
    assert verify(database, members, catalogue=CATALOGUE).ok
    disable(database, by="ada")
    ledger.when(joined("ada", at(6)))
    ledger.then_roles("ada", [])
    ledger.then_status("ada", "active")


@pytest.mark.parametrize("table", ["webhook_audit_log", "trigger_member"])
def test_it_is_switched_off_and_on_beside_whoever_reads_for_long(database: Database, table: str) -> None:
    """Such as a dump or a full verify: what is read is held to the end of the transaction."""
    enable(database, catalogue=CATALOGUE, by="ada")
    LedgerScenario(database).given(joined("ada", at(1)))
    with database.connect(DatabaseRole.READ, autocommit=False) as reader:
        reader.execute(f"select count(*) from {table}".encode())
        disable(database, patience_seconds=1, by="ada")
        assert not status(database).on
        enable(database, patience_seconds=1, catalogue=CATALOGUE, by="ada")
    assert status(database).problem is None


@pytest.mark.parametrize(
    "gone", ["drop trigger {} on webhook_audit_log", "alter table webhook_audit_log disable trigger {}"]
)
def test_what_came_while_the_trigger_was_gone_is_folded_by_the_runner(database: Database, gone: str) -> None:
    ledger = LedgerScenario(database)
    ledger.given(joined("ada", at(1)))
    enable(database, catalogue=CATALOGUE, by="ada")
    ledger.given(joined("bob", at(1)), role_added("ada", "Oracle", at(2)))
    with database.connect(DatabaseRole.OWNER) as owner:
        owner.execute(gone.format("trigger_sync_current_roles").encode())
    ledger.given(joined("eve", at(2)), role_added("ada", "Seeker", at(3)))
    switched = disable(database, by="ada")
    assert (switched.position, switched.again) == (1, True)
    ledger.then_roles("ada", ["Oracle", "Seeker"])
    ledger.then_status("eve", "active")
    with database.connect(DatabaseRole.READ) as read:
        assert altered_ranges(read, members.key, Position(5)) == []


def test_a_replay_with_the_trigger_on_counts_no_position_that_is_undecided(database: Database) -> None:
    ledger = LedgerScenario(database)
    enable(database, catalogue=CATALOGUE, by="ada")
    ledger.given(joined("bob", at(1)))
    with Rebuild(database, members, catalogue=CATALOGUE) as replay:
        replay.fold()
        shown = replay.compare()
        with database.connect(DatabaseRole.APPEND, autocommit=False) as slow:
            slow.execute(
                "insert into webhook_audit_log (event_id, event_type, user_id, action, source)"
                " values (gen_random_uuid(), 'something', 'else', 'happened', 'test')"
            )
            ledger.given(joined("eve", at(2)))
            replay.apply(shown, by="ada")
            slow.commit()
    disable(database, by="ada")
    assert verify(database, members, catalogue=CATALOGUE).ok
    with database.connect(DatabaseRole.READ) as read:
        assert altered_ranges(read, members.key, Position(3)) == []


def following(projection: MemberProjection[Any]) -> MemberProjection[Any]:
    """The same rules under the next version."""
    newer = copy(projection)
    newer.version = projection.version + 1
    newer.rollups = {name: replace(each, version=newer.version) for name, each in projection.rollups.items()}
    return newer


def test_a_version_beside_gets_no_names_while_the_trigger_maintains_the_other(
    database: Database,
) -> None:
    """Nor by a release whose functions in the database are of another version."""
    enable(database, catalogue=CATALOGUE, by="ada")
    LedgerScenario(database).given(joined("ada", at(1)))
    newer = following(members)
    bring_up_to_date(database, [members, newer])
    rebuild(database, newer, catalogue=CATALOGUE, by="ada")
    for match in ("run: temple trigger disable, then switch", "run it with the release that has version 2"):
        with pytest.raises(Refused, match=match):
            switch(database, "members", newer.version, by="ada")
        if status(database).on:
            disable(database, by="ada")
    with database.connect(DatabaseRole.READ) as read:
        assert read_checkpoints(read)[members.key].active
    assert verify(database, members, catalogue=CATALOGUE).ok
    assert verify(database, newer, catalogue=CATALOGUE).ok


def test_members_switches_together_with_its_functions(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    LedgerScenario(database).given(joined("ada", at(1)), role_added("ada", "Oracle", at(2)))
    newer = following(members)
    # the release that brings the version: its rules in SQL say so too
    text = canon.text().replace(b"as 'select 1'", b"as 'select 2'")
    monkeypatch.setattr(canon, "text", lambda: text)
    monkeypatch.setattr(members, "version", newer.version)
    bring_up_to_date(database, [newer])
    assert scalar(database, "select members_rules_version()") == 1
    rebuild(database, newer, catalogue=CATALOGUE, by="ada")
    switch(database, "members", newer.version, by="ada", behind=True)
    assert scalar(database, "select members_rules_version()") == 2
    assert scalar(database, "select count(*) from members_snapshot") == 3
    assert scalar(database, "select count(*) from discord_user_current_roles_named") == 1
    with database.connect(DatabaseRole.READ) as read:
        assert drift(read) == []
    with database.connect(DatabaseRole.PROJECT) as project:
        project.execute("call rebuild_derived_state_from_audit()")
    assert verify(database, newer, catalogue=CATALOGUE).ok


def test_while_a_version_waits_for_its_switch_the_trigger_stays_as_it_is_and_status_says_why(
    database: Database,
) -> None:
    """This code's version stands beside the one that readers see."""
    LedgerScenario(database).catch_up()
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("update projection_checkpoint set version = 7 where projection = 'members'")
        connection.execute(
            "insert into projection_checkpoint (projection, version, active) values ('members', 1, false)"
        )
        connection.execute("update ledger_canon set checksum = 'of version 7'")
    found = status(database)
    assert (found.version, found.waiting, found.problem) == (7, 1, None)
    refused = r"readers see version 7 of members, and this release has version 1"
    with pytest.raises(Refused, match=refused):
        enable(database, by="ada", catalogue=CATALOGUE)
    with pytest.raises(Refused, match=refused):
        disable(database, by="ada")
