"""Settings of the server, for one session or one transaction."""

from typing import Any

import psycopg

from temple_ledger.infrastructure.database.statements import statement


def set_for_session(connection: psycopg.Connection[Any], name: str, value: str) -> None:
    """As long as the connection lives; where it is in a transaction, if that commits."""
    connection.execute(statement("session_setting"), {"name": name, "value": value})


def set_for_transaction(connection: psycopg.Connection[Any], name: str, value: str) -> None:
    """Until the transaction that is open ends."""
    connection.execute(statement("transaction_setting"), {"name": name, "value": value})
