"""Runner, deliverer and server are killed at random: delivered are the messages of the log, each at least once."""

import json
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.log.reader import events
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.feed.deliverer import Deliverer
from temple_ledger.infrastructure.read_models.feed.outbox import message_id
from temple_ledger.infrastructure.read_models.feed.sink import Attempt, Connection, OutboxMessage
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.processor import processor_of
from tests.crashing import crashing_server
from tests.effects.builders import outbox, warned, warnings
from tests.effects.test_raising import expected
from tests.killed import run_killed

ROUNDS = 14


@pytest.fixture
def crashing() -> Iterator[EmbeddedServer]:
    with crashing_server() as server:
        yield server


class FileSink:
    """Somewhere that is not the database: a line for each message."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def deliver(self, messages: Sequence[OutboxMessage], connection: Connection) -> Sequence[Attempt]:
        with self._path.open("a") as file:
            for message in messages:
                file.write(json.dumps([message.id, json.loads(message.data)]) + "\n")
                file.flush()
                os.fsync(file.fileno())
        return [Attempt(message) for message in messages]

    def lines(self) -> list[tuple[str, object]]:
        return [tuple(json.loads(line)) for line in self._path.read_text().splitlines()] if self._path.exists() else []


def step(database: Database) -> None:
    """One step as a runner takes it, whose commit does not wait for the disk."""
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("delete from projection_lease")
        lease = Lease()
        lease.acquire(connection, [warnings.key])
        catalogue = CATALOGUE.with_models(warnings.steps)
        processor = processor_of(warnings, transactions(connection, lease.holder), catalogue=catalogue)
        processor.step(upto=settled_head(connection), limit=3)


def deliver(database: Database, sink: FileSink) -> None:
    Deliverer(database, {"log": sink}).run(until_empty=True)


def test_the_messages_are_those_of_the_log_each_at_least_once(crashing: EmbeddedServer, tmp_path: Path) -> None:
    database = Database(crashing.dsn("crashing"))
    ledger = LedgerScenario(database, projections=(warnings,))
    seed = random.randrange(1_000_000)
    dice = random.Random(seed)
    sink = FileSink(tmp_path / "delivered")
    for _ in range(ROUNDS):
        ledger.given(*[warned(dice.choice("abc"), dice.randrange(20), dice.randrange(5)) for _ in range(4)])
        moment = dice.choice(("before", "after"))
        run_killed(lambda: step(database), at=dice.randrange(1, 30), moment=moment)  # type: ignore[arg-type]
        step(database)
        if dice.random() < 0.5:
            crashing.stop("immediate")
            crashing.start()
        moment = dice.choice(("before", "after"))
        run_killed(lambda: deliver(database, sink), at=dice.randrange(1, 16), moment=moment)  # type: ignore[arg-type]
    ledger.catch_up()
    deliver(database, sink)
    ledger.then_verified()
    with database.connect(DatabaseRole.READ) as connection:
        log = events(connection, after=Position(0), upto=settled_head(connection), limit=10_000)
    due = {message_id(warnings.name, 1, position, "every_change", 0): data for position, data in expected(log)}
    delivered = sink.lines()
    assert dict(delivered) == due, f"seed {seed}"
    assert all(due[key] == data for key, data in delivered), f"seed {seed}"


def test_what_a_sink_is_given_is_on_the_disk(crashing: EmbeddedServer) -> None:
    """A crash in the very moment of the delivery takes neither the message nor its rows back."""
    database = Database(crashing.dsn("crashing"))
    ledger = LedgerScenario(database, projections=(warnings,))
    ledger.given(warned("ada", 1))
    with psycopg.connect(crashing.dsn("crashing"), autocommit=True) as admin:
        # so that no other commit of the deliverer's takes the step's to the disk
        admin.execute("alter database crashing set synchronous_commit = off")

    class Crashing:
        def deliver(self, messages: Sequence[OutboxMessage], connection: Connection) -> Sequence[Attempt]:
            deliverer.stop()
            crashing.stop("immediate")
            return []

    deliverer = Deliverer(database, {"log": Crashing()})
    step(database)
    deliverer.run()
    crashing.start()
    assert [(each.position, each.state) for each in outbox(database)] == [(1, "waiting")]
