"""A file that was named on the command line, or stdin."""

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import click

from temple_ledger.infrastructure.log.file_forms import is_compressed

STDIN = "-"


@contextmanager
def opened(name: str) -> Iterator[tuple[Path | BinaryIO, int | None]]:
    """What to read, and how many bytes it has, where that says how far one is."""
    if name == STDIN:
        yield standard_input(), None
    else:
        path = Path(name)
        yield path, _size(path) if path.is_file() else None


def standard_input() -> BinaryIO:
    """Raises UsageError where there is none."""
    if sys.stdin is None:
        raise click.UsageError("stdin is closed; - reads what is piped in")
    return sys.stdin.buffer


def is_among(place: Path, names: Iterable[str]) -> bool:
    """Whether the file at *place* is one of those that are read, whatever it is called there."""
    with suppress(OSError):
        there = place.stat()
        return stat.S_ISREG(there.st_mode) and any(os.path.samestat(there, _stat(name)) for name in names)
    return False


def _stat(name: str) -> os.stat_result:
    return os.fstat(standard_input().fileno()) if name == STDIN else Path(name).stat()


def title_of(name: str) -> str:
    return "stdin" if name == STDIN else Path(name).name


def _size(path: Path) -> int | None:
    with path.open("rb") as file:
        return None if is_compressed(file.read(2)) else path.stat().st_size
