"""SQL kept in files, by name."""

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> bytes:
    """The text of `sql/statements/NAME.sql`, as psycopg takes it, with named parameters."""
    return files("sql").joinpath("statements", f"{name}.sql").read_bytes()
