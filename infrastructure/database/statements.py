"""SQL stored in files, by name."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable


@cache
def statement(name: str) -> bytes:
    """The text of the statement's file, as psycopg takes it, with named parameters.

    *name* is the file's, without its ending; its folder, one for each wing, is no part of it: a name is
    unique in all folders, and is what metrics and server logs show. KeyError where there is none.
    """
    return _stored()[name].read_bytes()


def statement_names() -> list[str]:
    return sorted(_stored())


@cache
def _stored() -> Mapping[str, Traversable]:
    return {file.name.removesuffix(".sql"): file for file in _below(files("temple_ledger.sql").joinpath("statements"))}


def _below(folder: Traversable) -> Iterator[Traversable]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry)
        elif entry.name.endswith(".sql"):
            yield entry
