"""An archive at a URL, such as s3://bucket/ledger: whatever fsspec reaches."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from temple_ledger.domain.errors import ArchiveUnavailable
from temple_ledger.infrastructure.log.temporary_folder import temporary_folder

RENAMING: Final = frozenset({"ftp", "hdfs", "memory", "sftp", "smb", "ssh", "webhdfs"})
"""Where half a file can be seen while it is written; an object store shows whole objects only."""


class UrlPlace:
    def __init__(self, url: str) -> None:
        """Raises ArchiveUnavailable."""
        from fsspec.core import url_to_fs

        self._url = url.rstrip("/")
        self._scheme = url.partition("://")[0]
        try:
            self._files, root = url_to_fs(self._url)
        except (ImportError, ValueError) as error:
            raise ArchiveUnavailable(f"{self._scheme}:// cannot be reached from here: {error}") from None
        self._root = root.rstrip("/")

    @property
    def address(self) -> str:
        return self._url

    def path_of(self, name: str) -> str:
        return f"{self._url}/{name}"

    def names(self, folder: str) -> Iterator[str]:
        with self._errors(folder):
            try:
                found = self._files.ls(f"{self._root}/{folder}", detail=True, refresh=True)
            except FileNotFoundError:
                return
        for entry in found:
            name = str(entry["name"]).rpartition("/")[2]
            if entry["type"] == "file" and name and not name.endswith(".part"):
                yield f"{folder}/{name}"

    def size(self, name: str) -> int | None:
        with self._errors(name):
            try:
                return int(self._files.info(f"{self._root}/{name}")["size"])
            except FileNotFoundError:
                return None

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        with self._errors(name):
            end = None if length is None else offset + length
            return bytes(self._files.cat_file(f"{self._root}/{name}", start=offset, end=end))

    @contextmanager
    def new(self, name: str) -> Iterator[Path]:
        with temporary_folder("temple-archive-") as folder:
            unfinished = folder / "file"
            yield unfinished
            with self._errors(name):
                self._put(unfinished, f"{self._root}/{name}")
            if self.size(name) != unfinished.stat().st_size:
                raise ArchiveUnavailable(f"{self.path_of(name)} was not stored whole; try again")

    def remove(self, name: str) -> None:
        with self._errors(name):
            try:
                self._files.rm_file(f"{self._root}/{name}")
            except FileNotFoundError:
                return

    def _put(self, local: Path, target: str) -> None:
        self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
        if self._files.exists(target):
            raise FileExistsError(target)
        if self._scheme not in RENAMING:
            self._files.put_file(str(local), target)
            return
        self._files.put_file(str(local), f"{target}.part")
        self._files.mv(f"{target}.part", target)

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        """Each kind of place raises errors of its own."""
        try:
            yield
        except (FileNotFoundError, FileExistsError, ArchiveUnavailable):
            raise
        except Exception as error:
            raise ArchiveUnavailable(f"{self.path_of(name)}: {_in_a_line(error)}") from error


def _in_a_line(error: Any) -> str:
    return (str(error).strip().partition("\n")[0] or type(error).__name__)[:200]
