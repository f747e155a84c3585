"""Whose fault it is that a translation failed."""

import traceback
from pathlib import Path
from typing import Final

import psycopg

from domain.errors import DatabaseUnavailable, InvalidEvent, SchemaMismatch
from infrastructure.database.connection import passes

LONGEST_NOTE: Final = 500
_HERE: Final = Path(__file__).parents[2]


def is_the_delivery(error: Exception) -> bool:
    """False where every other delivery would have failed too, or this one will do when it is tried again."""
    if isinstance(error, DatabaseUnavailable | SchemaMismatch | MemoryError) or passes(error):
        return False
    if isinstance(error, psycopg.Error):
        return isinstance(error, psycopg.DataError | psycopg.IntegrityError)
    return True


def blame(error: Exception) -> str:
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
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_HERE) and ".venv" not in frame.filename]
    if not ours:
        return ""
    return f", at {Path(ours[-1].filename).relative_to(_HERE)}:{ours[-1].lineno}"
