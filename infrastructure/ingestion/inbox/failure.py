"""Whose fault it is that a translation failed."""

import sys
import traceback
from typing import Final

import psycopg

from temple_ledger.domain.errors import DatabaseUnavailable, InvalidEvent, SchemaMismatch
from temple_ledger.infrastructure.database.connection import passes

LONGEST_NOTE: Final = 500
_OTHERS: Final = sys.stdlib_module_names | {"psycopg", "psycopg_binary", "pydantic"}


def is_delivery_fault(error: Exception) -> bool:
    """False where every other delivery would have failed too, or this one will do when it is tried again."""
    if isinstance(error, DatabaseUnavailable | SchemaMismatch | MemoryError) or passes(error):
        return False
    if isinstance(error, psycopg.Error):
        return isinstance(error, psycopg.DataError | psycopg.IntegrityError)
    return True


def describe_failure(error: Exception) -> str:
    """What failed, and where in the code: never the message, which may repeat the body."""
    what = type(error).__name__
    if isinstance(error, psycopg.Error):
        what += f", SQLSTATE {error.sqlstate}"
        if error.diag.constraint_name:
            what += f", {error.diag.constraint_name}"
    elif isinstance(error, InvalidEvent):
        what += f": {error.reason}"
    return f"{what}{_place(error)}"[:LONGEST_NOTE]


def _place(error: Exception) -> str:
    """The last frame of ours or of an adapter's author, by module: a path would name the machine's folders."""
    frames = [(frame.f_globals.get("__name__", ""), line) for frame, line in traceback.walk_tb(error.__traceback__)]
    known = [f"{module}:{line}" for module, line in frames if module.partition(".")[0] not in _OTHERS]
    return f", at {known[-1]}" if known else ""
