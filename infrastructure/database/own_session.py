"""What a session of the ledger sets for itself, whatever a login, a database, a DSN or the environment has set.

Such settings say how a client reads, when it gives up and in which characters it writes. A program that has bounds and
an order of locks of its own would fail under some of them, and store something else than was meant under others.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg

from temple_ledger.infrastructure.database.session_settings import set_for_session

CLIENT_ENCODING: Final = "UTF8"
"""A parameter of the connection: a variable (PGCLIENTENCODING) goes over an option. COPY in binary sends bytes as they
are."""

SETTINGS: Final = {
    # our tables are there
    "search_path": "public",
    "timezone": "UTC",
    "datestyle": "ISO",
    # whoever has waited for a lock reads what is there by then
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # what has to be bounded is bounded where it is done
    "statement_timeout": "0",
    "idle_session_timeout": "0",
    # but for the roles that have limits of their own
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # NULL in the text of an array is no text, and what is tried and refused ends no session
    "array_nulls": "on",
    "exit_on_error": "off",
    # a small table without statistics looks large, and what reads a row is compiled for seconds first
    "jit": "off",
}
_SET_OVER: Final = {"timezone": "UTC", "datestyle": "ISO", "transaction_timeout": "0"}
"""Variables such as PGTZ go over an option, and an older server refuses an option that it lacks. In the order of
`session_own.sql`."""


def as_options(settings: Mapping[str, str]) -> str:
    """For the parameter `options` of a connection."""
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def settle(connection: psycopg.Connection[Any], found: Sequence[str | None]) -> None:
    """Sets once more what is not ours in *found*, where None is a setting that the server lacks."""
    for (name, value), there in zip(_SET_OVER.items(), found, strict=True):
        if there is not None and not there.startswith(value):
            set_for_session(connection, name, value)
