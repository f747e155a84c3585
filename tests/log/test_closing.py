"""A connection that somebody closes while another thread works with it."""

import threading
from typing import Any

import psycopg
import pytest

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.retrying import RetryingConnection


def test_closing_waits_for_whoever_is_at_work_and_lets_nobody_begin(database: Database) -> None:
    connection = RetryingConnection(database, DatabaseRole.READ, application="a test")
    begun, counted = threading.Event(), []

    def work(opened: psycopg.Connection[Any]) -> int:
        begun.set()
        row = opened.execute("select count(*) from generate_series(1, 1000000)").fetchone()
        assert row is not None
        return int(row[0])

    thread = threading.Thread(target=lambda: counted.append(connection.run("counting", work)))
    thread.start()
    assert begun.wait(60)
    connection.close()
    thread.join(60)
    assert counted == [1_000_000]
    with pytest.raises(DatabaseUnavailable, match="closed"):
        connection.run("counting", work)
