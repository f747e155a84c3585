"""A ledger from before rows were stored by version: migrated without a replay, whoever maintains it."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.event import Event
from temple_ledger.domain.log_entry import entry_of_event
from temple_ledger.domain.position import NO_POSITIONS, Position
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.declared_tables import make_tables
from temple_ledger.infrastructure.database.migrations import migrate, packaged
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.reader import events
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.trigger_mode import trigger_status
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.projections.activity import activity
from temple_ledger.projections.counting import count_batch
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import members
from temple_ledger.projections.placing import placed_as
from temple_ledger.projections.testing.histories import at, joined, left, role_added

HISTORY = [joined("ada", at(0)), role_added("ada", "Oracle", at(1)), joined("bob", at(2)), left("bob", at(3))]
LAST_BEFORE = 19


def append(database: Database, *facts: Event) -> None:
    with LogAppender(database) as appender:
        appender.append_many([entry_of_event(fact, event_id=uuid4(), catalogue=CATALOGUE) for fact in facts])


@pytest.fixture
def before(server: EmbeddedServer) -> Iterator[Database]:
    """Everything folded; a lease of a runner that was at work, a failure, a skip, a result of a verify."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("create database before_keys")
        database = Database(server.dsn("before_keys"))
        migrate(database, [each for each in packaged() if each.number <= LAST_BEFORE])
        append(database, *HISTORY)
        _fold(database)
        yield database
        admin.execute("drop database before_keys with (force)")


def _fold(database: Database) -> None:
    with database.connect(DatabaseRole.OWNER) as connection, connection.transaction():
        make_tables(connection, placed_as(activity, active=True))
        found = events(connection, after=Position(0), upto=Position(100), limit=100)
        for user_id in ("ada", "bob"):
            folded = Fold(members, CATALOGUE).whole([each for each in found if each.user_id == user_id])
            for table in placed_as(members, active=True).tables:
                tables.upsert(connection, table, [(user_id, *row) for row in folded.rows.get(table.name, ())])
            assert folded.frontier is not None
            connection.execute(
                "insert into projection_frontier values ('members', %s, %s, %s)", (user_id, *folded.frontier)
            )
        tables.add(
            connection,
            placed_as(activity, active=True).table,
            count_batch(activity, found, NO_POSITIONS, CATALOGUE).increments,
        )
        last = found[-1].position
        for name, counted in (("members", 0), ("activity", len(found))):
            connection.execute(
                "insert into projection_checkpoint (projection, version, position, passed, counted) "
                "values (%s, 1, %s, %s, %s)",
                (name, last, len(found), counted),
            )
            connection.execute(
                "insert into projection_batch values (%s, %s, %s, '2026-01-01Z')", (name, last, len(found))
            )
        connection.execute(
            "insert into projection_lease values ('members', gen_random_uuid(), 'an older runner', pg_backend_pid(), "
            "now(), now(), now() + interval '1 hour')"
        )
        connection.execute("insert into verification_round values ('members', %s)", (last,))


@pytest.mark.parametrize("version", [1, 3])
def test_its_rows_belong_to_the_version_that_they_were(before: Database, version: int) -> None:
    with before.connect(DatabaseRole.OWNER) as connection:
        connection.execute("update projection_checkpoint set version = %s where projection = 'members'", (version,))
    migrate(before)
    with before.connect(DatabaseRole.READ) as connection:
        for table in ("projection_checkpoint", "projection_frontier", "projection_batch", "verification_round"):
            found = connection.execute(f"select distinct version from {table} where projection = 'members'").fetchall()
            assert found == [(version,)]
        assert connection.execute("select processed_at from webhook_audit_trail where id = 1").fetchone() != (None,)


def test_it_verifies_and_the_runner_goes_on(before: Database) -> None:
    bring_up_to_date(before)
    assert all(verify(before, each, catalogue=CATALOGUE).ok for each in (members, activity))
    # a late one too: the frontier is known still
    append(before, role_added("ada", "Seeker", at(5)), role_added("ada", "Keeper", at(0.5)))
    with Wakeup(before) as wakeup:
        Runner(before, [members, activity], wakeup, catalogue=CATALOGUE).run(until_caught_up=True)
    assert all(verify(before, each, catalogue=CATALOGUE).ok for each in (members, activity))
    with before.connect(DatabaseRole.READ) as connection:
        found = connection.execute("select role from discord_user_current_roles order by role").fetchall()
        assert connection.execute("select count(*) from projection_batch where projection = 'members'").fetchone() == (
            2,
        )
    assert found == [("Keeper",), ("Oracle",), ("Seeker",)]


def test_in_trigger_mode_tables_and_canon_change_at_once(before: Database) -> None:
    with before.connect(DatabaseRole.OWNER) as connection, connection.transaction():
        connection.execute(
            "create function sync_current_roles() returns trigger language plpgsql as "
            "$$ begin raise 'the canon of before'; end $$"
        )
        connection.execute(
            "create trigger trigger_sync_current_roles after insert on webhook_audit_log "
            "referencing new table as appended for each statement execute function sync_current_roles()"
        )
        connection.execute("alter table webhook_audit_log enable always trigger trigger_sync_current_roles")
        connection.execute("update projection_checkpoint set state = 'trigger' where projection = 'members'")
        connection.execute("insert into trigger_period (after_position) values (%s)", (len(HISTORY),))
    migrate(before)
    append(before, role_added("ada", "Seeker", at(5)))
    with before.connect(DatabaseRole.READ) as connection:
        assert trigger_status(connection).problem is None
    assert verify(before, members, catalogue=CATALOGUE).ok
