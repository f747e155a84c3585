"""An archive in a folder: each file is written aside, synced, and then named."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from temple_ledger.infrastructure.log.output_file import naming

UNFINISHED: Final = ".part"


class FolderPlace:
    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    @property
    def address(self) -> str:
        return str(self._root)

    def path_of(self, name: str) -> str:
        return str(self._root / name)

    def names(self, folder: str) -> Iterator[str]:
        with suppress(FileNotFoundError):
            for entry in os.scandir(self._root / folder):
                if entry.is_file() and not entry.name.endswith(UNFINISHED):
                    yield f"{folder}/{entry.name}"

    def size(self, name: str) -> int | None:
        try:
            return (self._root / name).stat().st_size
        except FileNotFoundError:
            return None

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        with naming(self._root / name), (self._root / name).open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read() if length is None else _exactly(file.fileno(), length)

    @contextmanager
    def new(self, name: str) -> Iterator[Path]:
        target = self._root / name
        self._make_folder(target.parent)
        unfinished = target.with_name(f".{target.name}.{uuid4().hex}{UNFINISHED}")
        try:
            yield unfinished
            _sync(unfinished, os.O_RDONLY)
            # unlike a rename, a link does not replace what another one wrote
            os.link(unfinished, target)
            _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        finally:
            unfinished.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        (self._root / name).unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        folder.mkdir(parents=True, exist_ok=True)
        _sync(folder.parent, os.O_RDONLY | os.O_DIRECTORY)


def _exactly(descriptor: int, length: int) -> bytes:
    """A single call may give less than there is."""
    pieces: list[bytes] = []
    while length and (piece := os.read(descriptor, length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
