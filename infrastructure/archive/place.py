"""Where an archive is: a folder, or a URL that fsspec reaches."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from temple_ledger.infrastructure.archive.folder_place import FolderPlace
from temple_ledger.infrastructure.archive.url_place import UrlPlace
from temple_ledger.infrastructure.log.output_file import naming


class Place(Protocol):
    """Files by names with `/` between their parts. A name appears when the file is whole, and is never written again.

    Raises OSError, and ArchiveUnavailable for what is reached over a network.
    """

    @property
    def address(self) -> str:
        """As people write it."""

    def path_of(self, name: str) -> str:
        """As another program opens it."""

    def names(self, folder: str) -> Iterator[str]:
        """Those below one folder, with it, in no certain order; none where there is no such folder."""

    def size(self, name: str) -> int | None:
        """None where there is no such file."""

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Fewer bytes where the file ends."""

    def new(self, name: str) -> AbstractContextManager[Path]:
        """A file to write on this machine, which is in place when the block has ended without an error."""

    def remove(self, name: str) -> None:
        """Nothing where there is no such file."""


def store_new(place: Place, name: str, content: bytes) -> None:
    with place.new(name) as path, naming(place.path_of(name)):
        path.write_bytes(content)


def place_at(address: str) -> Place:
    """Raises ArchiveUnavailable for a URL of a kind that is not installed."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return FolderPlace(Path(address).expanduser())
    return FolderPlace(Path(rest)) if scheme in ("file", "local") else UrlPlace(address)
