"""Copies of a template database, made ahead of the tests that take them: making one takes longer than most tests."""

import queue
import threading
from collections.abc import Callable, Iterable
from itertools import count
from types import TracebackType
from typing import Final, Self

import psycopg

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.database.whole_databases import create_database, drop_database
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.projections.processor import Projection

TEMPLATE: Final = "temple_template"
AHEAD: Final = 3
WORKERS: Final = 2
MOST_SECONDS: Final = 60.0


def make_template(server: EmbeddedServer, projections: Iterable[Projection]) -> str:
    """The name of a new, migrated database with the tables of these projections."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        create_database(admin, TEMPLATE)
    bring_up_to_date(Database(server.dsn(TEMPLATE)), projections)
    return TEMPLATE


class Copies:
    """*projections* are those whose tables the template has."""

    def __init__(self, dsn: str, template: str, projections: Iterable[Projection] = ()) -> None:
        self.projections = frozenset(projections)
        self._dsn = dsn
        self._template = template
        self._numbers = count(1)
        self._made: queue.Queue[str | Exception] = queue.Queue()
        self._work: queue.Queue[Callable[[psycopg.Connection], None] | None] = queue.Queue()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(WORKERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        for _ in range(AHEAD):
            self._work.put(self._make)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join(MOST_SECONDS)

    def take(self) -> str:
        """The name of a database that nobody else gets."""
        self._work.put(self._make)
        made = self._made.get(timeout=MOST_SECONDS)
        if isinstance(made, Exception):
            raise made
        return made

    def drop(self, name: str) -> None:
        self._work.put(lambda admin: drop_database(admin, name))

    def _run(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as admin:
            while (work := self._work.get()) is not None:
                try:
                    work(admin)
                except psycopg.Error as error:
                    self._made.put(error)

    def _make(self, admin: psycopg.Connection) -> None:
        name = f"ledger_{next(self._numbers)}"
        create_database(admin, name, template=self._template)
        self._made.put(name)
