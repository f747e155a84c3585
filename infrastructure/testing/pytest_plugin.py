"""Fixtures for whoever installed temple-ledger: a PostgreSQL a session, a migrated database of its own for each test.

Registered as a pytest plugin by an entry point, so pytest imports it in every run, also in those that use none of it:
whatever costs time is imported by the fixture that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from temple_ledger.infrastructure.database.connection import Database
    from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
    from temple_ledger.infrastructure.testing.copies import Copies
    from temple_ledger.infrastructure.testing.ledger import LedgerScenario
    from temple_ledger.projections.processor import Projection


@pytest.fixture(scope="session")
def temple_projections() -> Sequence[Projection]:
    """What `temple_ledger` folds: every installed projection. Override it, session-wide, to fold others."""
    from temple_ledger.projections.registry import carried

    return tuple(carried())


@pytest.fixture(scope="session")
def temple_server() -> Iterator[EmbeddedServer]:
    """A PostgreSQL of this session alone, gone after it."""
    from temple_ledger.infrastructure.embedded_postgres.scratch import in_memory, scratch_server

    with scratch_server(in_memory()) as running:
        yield running


@pytest.fixture(scope="session")
def temple_template(temple_server: EmbeddedServer, temple_projections: Sequence[Projection]) -> str:
    """The name of the migrated database that each test gets a copy of."""
    from temple_ledger.infrastructure.testing.copies import make_template

    return make_template(temple_server, _migrated(temple_projections))


@pytest.fixture(scope="session")
def temple_copies(
    temple_server: EmbeddedServer, temple_template: str, temple_projections: Sequence[Projection]
) -> Iterator[Copies]:
    """Copies of the template, made ahead."""
    from temple_ledger.infrastructure.testing.copies import Copies

    with Copies(temple_server.dsn(), temple_template, _migrated(temple_projections)) as made:
        yield made


@pytest.fixture
def temple_database(temple_server: EmbeddedServer, temple_copies: Copies) -> Iterator[Database]:
    """An empty, migrated ledger of this test alone."""
    from temple_ledger.infrastructure.database.connection import Database

    name = temple_copies.take()
    yield Database(temple_server.dsn(name))
    temple_copies.drop(name)


@pytest.fixture
def temple_ledger(
    temple_database: Database, temple_copies: Copies, temple_projections: Sequence[Projection]
) -> LedgerScenario:
    """Given, when, then on a database of this test alone."""
    from temple_ledger.infrastructure.testing.ledger import LedgerScenario

    # a module may fold others than the session does: their tables are made then
    migrated = temple_copies.projections.issuperset(temple_projections)
    return LedgerScenario(temple_database, projections=temple_projections, migrated=migrated)


@pytest.fixture
def database(temple_database: Database) -> Database:
    """Short for temple_database; a fixture of this name in a conftest of yours goes first."""
    return temple_database


@pytest.fixture
def ledger(temple_ledger: LedgerScenario) -> LedgerScenario:
    """Short for temple_ledger; a fixture of this name in a conftest of yours goes first."""
    return temple_ledger


def _migrated(projections: Sequence[Projection]) -> Sequence[Projection]:
    """Those that are installed, too: what a command asks about is there."""
    from temple_ledger.projections.registry import carried

    return tuple({each.key: each for each in (*carried(), *projections)}.values())
