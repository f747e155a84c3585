"""The database of a worker that reaches none, because a setting says so."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole

_URLS: Final = ("TEMPLE_DATABASE_URL", "TEMPLE_READ_URL", "TEMPLE_WEB_DATABASE_URL")
_OF_THE_DRIVER: Final = "PG"
"""What libpq takes from the environment begins with it."""


class NoDatabase(Database):
    """Whoever asks it is refused, and no driver falls back to a database of this machine."""

    def connect(
        self, role: DatabaseRole, *, application: str = "temple", autocommit: bool = True
    ) -> psycopg.Connection:
        raise self._refused()

    def conninfo(self, role: DatabaseRole, *, application: str) -> str:
        raise self._refused()

    def _refused(self) -> Refused:
        return Refused("a worker reaches no database here (TEMPLE_WORKERS_WITHOUT_DATABASE), and was to ask one")


def no_database() -> Database:
    return NoDatabase("", "no database")


def without_addresses(environment: Mapping[str, str]) -> dict[str, str]:
    """The same without what names a database, or has a password of one."""
    return {
        name: value for name, value in environment.items() if name not in _URLS and not name.startswith(_OF_THE_DRIVER)
    }


@contextmanager
def environment(changed: Mapping[str, str]) -> Iterator[None]:
    """That of processes which are begun meanwhile."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(changed)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
