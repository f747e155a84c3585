"""The processes that are killed: a runner, a deliverer and two consumers of the feed, each a child of its own."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

from temple_ledger import Ledger
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.feed.deliverer import Deliverer
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.projections.change import Change
from tests.effects.builders import warnings
from tests.effects.test_kills import FileSink

CATALOGUE_OF_STORM: Final = CATALOGUE.with_models(warnings.steps)
COUNTED: Final = """
create table if not exists counted (number bigint generated always as identity, id text, after integer)
"""


def fold(database: Database, *, until_caught_up: bool = False) -> None:
    with Wakeup(database) as wakeup:
        Runner(database, [warnings], wakeup, catalogue=CATALOGUE_OF_STORM).run(until_caught_up=until_caught_up)


def deliver(database: Database, sink: FileSink, *, until_empty: bool = False) -> None:
    Deliverer(database, {"log": sink}).run(until_empty=until_empty)


def count(database: Database, *, follow: bool = True) -> None:
    """Each change in a table of its own, in one transaction with the position."""
    with database.connect(DatabaseRole.LOGIN) as connection, _ledger(database) as ledger:
        connection.execute(COUNTED.encode())
        with ledger.changes(warnings.name, consumer="counter", start="now", follow=follow) as feed:
            for item in feed:
                with connection.transaction():
                    if isinstance(item, Change):
                        connection.execute(
                            "insert into counted (id, after) values (%s, %s)", (item.id, item.after.points)
                        )
                    feed.commit(item, connection)


def copy(database: Database, path: Path, *, follow: bool = True) -> None:
    """A line for each change, somewhere that is not the database: once or more often."""
    with (
        _ledger(database) as ledger,
        ledger.changes(warnings.name, consumer="copier", start="now", follow=follow) as feed,
        path.open("a") as file,
    ):
        for item in feed:
            if isinstance(item, Change):
                file.write(json.dumps([item.id, item.after.points]) + "\n")
                file.flush()


def _ledger(database: Database) -> Ledger:
    return Ledger(database.dsn, projections=[warnings], catalogue=CATALOGUE_OF_STORM)


class Child:
    """Runs *work* until it is killed; where it ended by itself, because the server was away, it is begun again."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._pid = self._begin()

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def begin_again(self) -> None:
        self._pid = self._begin()

    def look_after(self) -> bool:
        """Whether it had ended."""
        ended, _ = os.waitpid(self._pid, os.WNOHANG)
        if ended:
            self.begin_again()
        return bool(ended)

    def _begin(self) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                for stream in (1, 2):
                    os.dup2(nowhere, stream)
                self._work()
            finally:
                os._exit(0)
        return pid


@contextmanager
def children(works: dict[str, Callable[[], None]]) -> Iterator[dict[str, Child]]:
    begun = {name: Child(work) for name, work in works.items()}
    try:
        yield begun
    finally:
        for each in begun.values():
            each.kill()


def asked(database: Database, question: str) -> int:
    """-1 while the database is away."""
    try:
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            row = connection.execute(question.encode()).fetchone()
    except psycopg.OperationalError:
        return -1
    return 0 if row is None else int(row[0])
