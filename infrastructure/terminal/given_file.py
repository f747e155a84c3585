"""A file that was named on the command line, or stdin."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from temple_ledger.infrastructure.log.file_forms import is_compressed

STDIN = "-"


@contextmanager
def opened(name: str) -> Iterator[tuple[Path | BinaryIO, int | None]]:
    """What to read, and how many bytes it has, where that says how far one is."""
    if name == STDIN:
        yield sys.stdin.buffer, None
    else:
        path = Path(name)
        yield path, _size(path) if path.is_file() else None


def title_of(name: str) -> str:
    return "stdin" if name == STDIN else Path(name).name


def _size(path: Path) -> int | None:
    with path.open("rb") as file:
        return None if is_compressed(file.read(2)) else path.stat().st_size
