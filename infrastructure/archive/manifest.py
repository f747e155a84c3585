"""What an archive has: the newest manifest says it, and each one names the digest of the one before.

A manifest's file is named for its number and its digest, so that one whose bits have flipped is found out; its files
are described by an index beside each, whose digest it holds, and the index holds that of every group of rows.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from temple_ledger.domain.errors import ArchiveDamaged, Refused
from temple_ledger.infrastructure.archive.place import Place, store_new

FORMAT: Final = 1
FOLDER: Final = "manifests"
_NAME: Final = re.compile(rf"{FOLDER}/(\d{{8}})-([0-9a-f]{{64}})\.json")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Identity(_Part):
    """Which ledger: its first event, by what no operation changes. A restored copy is the same ledger."""

    position: int
    recorded_at: str


class ArchivedFile(_Part):
    """The events in (after, upto]. `content` is the sum of what the database makes of each row, as a digest."""

    name: str
    after: int
    upto: int
    events: int
    bytes: int
    content: str
    index: str
    index_sha256: str


class Journal(_Part):
    """What was skipped, retracted and erased, and which import added what."""

    name: str
    sha256: str


class Seals(_Part):
    """A part of the chain: which it is, its last seal, and a digest of what erasures and acceptances had made of it."""

    part: int
    last: int
    changed: str
    name: str
    sha256: str


class Superseded(_Part):
    """A file that a manifest has no more; it is there for a while, for whoever reads by the manifest before."""

    name: str
    index: str
    since: str


class Manifest(_Part):
    """`drawn` is the last position that the log had given when it was written; `erasures` are those whose changes the
    files have; `seal` is the last one of the ledger that ends within the archive, as NUMBER:HASH, null where there is
    none. `seals` are none where whoever wrote might not read their keys."""

    format: int = FORMAT
    number: int
    previous: str | None
    ledger: Identity
    written_at: str
    upto: int
    last_recorded_at: str
    drawn: int
    seal: str | None = None
    erasures: tuple[str, ...]
    journal: Journal
    seals: tuple[Seals, ...] = ()
    files: tuple[ArchivedFile, ...]
    superseded: tuple[Superseded, ...] = ()

    @property
    def events(self) -> int:
        return sum(file.events for file in self.files)

    @property
    def names(self) -> set[str]:
        """Of every file that belongs to it."""
        files = {name for file in self.files for name in (file.name, file.index)}
        return {self.journal.name, *(each.name for each in self.seals), *files}


class Group(_Part):
    """Rows of some neighbouring buckets, and where their bytes are. `sha256` is of the salt and these."""

    first_bucket: int
    last_bucket: int
    rows: int
    offset: int
    length: int
    sha256: str


class Index(_Part):
    """`salt` is in the file as well, and goes with both: then no digest says anything about what was in it."""

    salt: str
    groups: tuple[Group, ...]
    footer_offset: int
    footer_sha256: str


Model = TypeVar("Model", bound=_Part)


def newest(place: Place) -> tuple[Manifest, str] | None:
    """With its digest, the head of the chain; None where there is no archive yet. Raises ArchiveDamaged."""
    found = _numbered(place)
    if not found:
        return None
    number = max(found)
    manifest = _load(place, number, found[number])
    _require_chained(place, manifest, found)
    return manifest, found[number]


def require(place: Place) -> tuple[Manifest, str]:
    """Raises Refused where there is none, and ArchiveDamaged."""
    found = newest(place)
    if found is None:
        raise Refused(f"there is no archive in {place.address}; to write one: temple archive write")
    return found


def chain(place: Place) -> Mapping[int, str]:
    """Of every manifest that is there, its digest by its number; each was read. Raises ArchiveDamaged."""
    found = _numbered(place)
    for number in sorted(found):
        _require_chained(place, _load(place, number, found[number]), found)
    return found


def store(place: Place, manifest: Manifest) -> str:
    """Its digest, under which it is from now on what the archive has."""
    content = as_json(manifest.model_dump(mode="json"))
    digest = hashlib.sha256(content).hexdigest()
    store_new(place, f"{FOLDER}/{manifest.number:08}-{digest}.json", content)
    return digest


def load_index(place: Place, file: ArchivedFile) -> Index:
    """Raises ArchiveDamaged."""
    return _parsed(Index, place, file.index, read_checked(place, file.index, file.index_sha256))


def read_checked(place: Place, name: str, sha256: str) -> bytes:
    """Raises ArchiveDamaged where it is missing, or is not what was written."""
    content = read_whole(place, name)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArchiveDamaged(f"{place.path_of(name)} was altered: its bytes are not those that were written")
    return content


def read_whole(place: Place, name: str) -> bytes:
    """Raises ArchiveDamaged where it is missing."""
    try:
        return place.read(name)
    except FileNotFoundError:
        raise ArchiveDamaged(f"{place.path_of(name)} is missing") from None


def as_json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def instant(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _numbered(place: Place) -> dict[int, str]:
    found: dict[int, str] = {}
    for name in place.names(FOLDER):
        matched = _NAME.fullmatch(name)
        if matched is None:
            continue
        number = int(matched[1])
        if number in found:
            raise ArchiveDamaged(
                f"{place.path_of(FOLDER)} has two manifests with the number {number}: two archives were put into one "
                "place, or two wrote at once; restore the place from its own history"
            )
        found[number] = matched[2]
    return found


def _load(place: Place, number: int, digest: str) -> Manifest:
    name = f"{FOLDER}/{number:08}-{digest}.json"
    content = read_whole(place, name)
    if hashlib.sha256(content).hexdigest() != digest:
        raise ArchiveDamaged(f"{place.path_of(name)} was altered: its bytes are not those that it is named for")
    manifest = _parsed(Manifest, place, name, content)
    _require_possible(place, name, manifest, number)
    return manifest


def _parsed(model: type[Model], place: Place, name: str, content: bytes) -> Model:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ArchiveDamaged(f"{place.path_of(name)} cannot be read: {where}: {first['msg']}") from None


def _require_possible(place: Place, name: str, manifest: Manifest, number: int) -> None:
    """That its files are one behind the other, and name nothing outside. Raises ArchiveDamaged."""
    where = place.path_of(name)
    if manifest.format != FORMAT:
        raise ArchiveDamaged(f"{where} has format {manifest.format}, and this version reads {FORMAT}")
    if manifest.number != number:
        raise ArchiveDamaged(f"{where} is number {manifest.number} by its content")
    reached = 0
    for file in manifest.files:
        if file.after < reached:
            raise ArchiveDamaged(f"{where}: two files have the range {file.after + 1:,} to {min(file.upto, reached):,}")
        if file.after > reached:
            raise ArchiveDamaged(f"{where}: no file has the range {reached + 1:,} to {file.after:,}")
        reached = file.upto
    if reached != manifest.upto:
        raise ArchiveDamaged(f"{where} reaches position {manifest.upto:,}, and its files {reached:,}")
    for each in manifest.names:
        if ".." in each or each.startswith("/"):
            raise ArchiveDamaged(f"{where} names a file outside of the archive")


def _require_chained(place: Place, manifest: Manifest, digests: Mapping[int, str]) -> None:
    before = digests.get(manifest.number - 1)
    if before is not None and before != manifest.previous:
        raise ArchiveDamaged(
            f"{place.path_of(FOLDER)}: manifest {manifest.number} was not written behind the manifest "
            f"{manifest.number - 1} that is there"
        )


def without_file(files: Sequence[ArchivedFile], gone: Sequence[ArchivedFile]) -> list[ArchivedFile]:
    names = {file.name for file in gone}
    return [file for file in files if file.name not in names]
