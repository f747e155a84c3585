"""Each safeguard of a step by itself: the others are not asked."""

from uuid import uuid4

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import NotLeader, StaleCheckpoint
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.operations import operation, parked, skip
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.read_models.runner.transaction import Connection, PostgresTransaction, transactions
from temple_ledger.infrastructure.testing.ledger import LAST, LedgerScenario
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import MemberProcessor, Processor, processor_of
from temple_ledger.projections.remembered import MEMBER_BYTES, row_bytes
from temple_ledger.projections.testing.histories import at, joined, role_added
from temple_ledger.projections.watch import NOBODY_WATCHES
from tests.queries.builders import altered, unfoldable


def live(connection: Connection) -> Processor:
    """A processor that remembers from step to step, as a runner's does."""
    return processor_of(members, transactions(connection), catalogue=CATALOGUE)


def step(processor: Processor) -> None:
    processor.step(upto=LAST, limit=1_000)


def checkpoint(connection: Connection) -> Checkpoint:
    with connection.transaction():
        return PostgresTransaction(connection).lock_checkpoint(members.key)


def advanced(connection: Connection, before: Checkpoint) -> None:
    with connection.transaction():
        PostgresTransaction(connection).advance(before, to=Position(before.position + 1), passed=1)


def test_after_a_skip_a_live_runner_folds_the_member_on(ledger: LedgerScenario, database: Database) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        runner = live(connection)
        ledger.given(joined("ada"), role_added("ada", "Seeker", at(1)))
        unfoldable(database, "ada", at(2))
        step(runner)
        ledger.given(role_added("ada", "Oracle", at(3)))
        step(runner)
        with database.connect(DatabaseRole.READ) as reading:
            (failure,) = parked(reading, projection="members")
        skip(database, members, failure, by="test", reason="x", catalogue=CATALOGUE)
        ledger.given(role_added("ada", "Scribe", at(4)))
        step(runner)
    assert sorted(str(row[0]) for row in ledger.rows(members, "discord_user_current_roles", "ada")) == [
        "Oracle",
        "Scribe",
        "Seeker",
    ]


def test_what_a_runner_remembers_does_not_survive_an_epoch(ledger: LedgerScenario, database: Database) -> None:
    """Somebody else repaired the rows at the same position."""
    with database.connect(DatabaseRole.PROJECT) as connection:
        runner = live(connection)
        ledger.given(joined("ada"), role_added("ada", "Seeker", at(1)))
        altered(database, "update projection_checkpoint set epoch = epoch where projection = 'members'")
        step(runner)
        altered(database, "update discord_user_current_roles set granted_by = 'mod' where user_id = 'ada'")
        altered(database, "update projection_checkpoint set epoch = epoch + 1 where projection = 'members'")
        # the same role again, by somebody: what was remembered would leave granted_by empty for the next fold
        ledger.given(role_added("ada", "Seeker", at(2)))
        step(runner)
        granted_by = connection.execute("select granted_by from discord_user_current_roles").fetchone()
    assert granted_by == ("mod",)


def test_a_member_that_was_forgotten_for_lack_of_room_is_read_again(ledger: LedgerScenario, database: Database) -> None:
    status, roles = members.tables
    room_for_one = MEMBER_BYTES + 4 * row_bytes(roles) + row_bytes(status)
    with database.connect(DatabaseRole.PROJECT) as connection:
        runner = MemberProcessor(members, transactions(connection), CATALOGUE, room_for_one, NOBODY_WATCHES)
        for hour in range(4):
            for user_id in ("ada", "bo"):
                ledger.given(role_added(user_id, f"Role {hour}", at(hour)))
                step(runner)
                assert len(runner.members) == 1
    for user_id in ("ada", "bo"):
        held = ledger.rows(members, "discord_user_current_roles", user_id)
        assert sorted(str(row[0]) for row in held) == [f"Role {hour}" for hour in range(4)]


def test_an_operation_raises_the_epoch(database: Database) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        before = checkpoint(connection).epoch
        with operation(database, members.key):
            pass
        assert checkpoint(connection).epoch == before + 1


def test_taking_a_lease_raises_the_epoch(database: Database) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        before = checkpoint(connection).epoch
        assert Lease().acquire(connection, [members.key]) == {members.key: None}
        assert checkpoint(connection).epoch == before + 1


@pytest.mark.parametrize("other", ["epoch = epoch + 1", "position = position + 1"])
def test_a_checkpoint_that_somebody_else_moved_is_not_advanced(
    ledger: LedgerScenario, database: Database, other: str
) -> None:
    ledger.given(joined("ada"), joined("bo"), joined("cy"))
    with database.connect(DatabaseRole.PROJECT) as connection:
        before = checkpoint(connection)
        altered(database, f"update projection_checkpoint set {other} where projection = 'members'")
        with pytest.raises(StaleCheckpoint):
            advanced(connection, before)
        altered(database, f"update projection_checkpoint set {other.replace('+', '-')} where projection = 'members'")
        advanced(connection, before)


def test_only_who_holds_the_lease_locks_the_checkpoint(database: Database) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        holder = Lease()
        holder.acquire(connection, [members.key])
        with connection.transaction():
            PostgresTransaction(connection, holder.holder).lock_checkpoint(members.key)
        with pytest.raises(NotLeader), connection.transaction():
            PostgresTransaction(connection, uuid4()).lock_checkpoint(members.key)


def test_of_two_who_want_a_lease_the_second_is_refused(database: Database) -> None:
    with database.connect(DatabaseRole.PROJECT) as one, database.connect(DatabaseRole.PROJECT) as two:
        first, second = Lease(), Lease()
        assert first.acquire(one, [members.key]) == {members.key: None}
        assert second.acquire(two, [members.key]) == {members.key: first.description}
        assert second.renew(two) == frozenset()
        assert first.renew(one) == frozenset({members.key})
