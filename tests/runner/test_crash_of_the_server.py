"""A runner's steps do not wait for the disk: a crash of the server takes some back, which are folded again."""

from collections.abc import Iterator

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.log.durable import wait_until_durable
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints, transactions
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.processor import processor_of
from temple_ledger.projections.testing.histories import at, role_added
from tests.crashing import begin_page_of_wal, crashing_server


@pytest.fixture
def crashing() -> Iterator[EmbeddedServer]:
    with crashing_server() as server:
        yield server


def fold(ledger: LedgerScenario) -> None:
    """The steps of a runner, and not its end: giving the leases back waits for the disk, and would take all with it."""
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("delete from projection_lease")
        lease = Lease()
        lease.acquire(connection, [each.key for each in BUILT_IN])
        upto = settled_head(connection)
        for projection in BUILT_IN:
            processor = processor_of(projection, transactions(connection, lease.holder), catalogue=CATALOGUE)
            while processor.step(upto=upto, limit=1_000).idle is None:
                pass


def crash(server: EmbeddedServer) -> None:
    server.stop("immediate")
    server.start()


def positions(database: Database) -> set[Position]:
    with database.connect(DatabaseRole.READ) as connection:
        return {each.position for each in read_checkpoints(connection).values()}


def test_steps_that_a_crash_takes_back_are_folded_again_into_the_same_rows(crashing: EmbeddedServer) -> None:
    database = Database(crashing.dsn("crashing"))
    bring_up_to_date(database)
    ledger = LedgerScenario(database)
    ledger.given(role_added("ada", "Oracle", at(1)))
    fold(ledger)
    with database.connect(DatabaseRole.READ) as connection:
        wait_until_durable(connection)
    (before,) = positions(database)
    begin_page_of_wal(crashing)
    (newest,) = ledger.given(role_added("ada", "Seeker", at(2)))
    fold(ledger)
    assert positions(database) == {newest}

    crash(crashing)

    # the append is there, and the step after the barrier is not: rows and checkpoint went together
    assert positions(database) == {before}
    ledger.then_verified()
    fold(ledger)
    assert positions(database) == {newest}
    ledger.then_roles("ada", ["Oracle", "Seeker"])


def test_what_was_read_before_the_barrier_survives_a_crash(crashing: EmbeddedServer) -> None:
    database = Database(crashing.dsn("crashing"))
    bring_up_to_date(database)
    ledger = LedgerScenario(database)
    (position,) = ledger.given(role_added("ada", "Oracle", at(1)))
    fold(ledger)
    with database.connect(DatabaseRole.READ) as connection:
        wait_until_durable(connection)

    crash(crashing)

    assert positions(database) == {position}
    ledger.then_verified()
