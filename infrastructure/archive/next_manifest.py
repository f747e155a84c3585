"""The manifest behind another one."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from temple_ledger.infrastructure.archive import ledger
from temple_ledger.infrastructure.archive.manifest import (
    ArchivedFile,
    Identity,
    Journal,
    Manifest,
    Superseded,
    instant,
    store,
)
from temple_ledger.infrastructure.archive.place import Place

JOURNALS: Final = "journals"


@dataclass
class Archive:
    """An archive that is being written: its newest manifest and the digest of that; None where there is none yet.

    `erasures` are those whose changes are in every row that its files have.
    """

    connection: ledger.Connection
    place: Place
    identity: Identity
    now: datetime
    erasures: Sequence[str]
    manifest: Manifest | None = None
    head: str | None = None

    @property
    def files(self) -> list[ArchivedFile]:
        return [] if self.manifest is None else list(self.manifest.files)

    @property
    def upto(self) -> int:
        return 0 if self.manifest is None else self.manifest.upto

    def replace(self, files: Sequence[ArchivedFile], gone: Sequence[ArchivedFile] = ()) -> None:
        """From now on the archive has these files; those that are *gone* stay a while for who is reading them."""
        before = self.manifest
        upto = files[-1].upto
        superseded = () if before is None else before.superseded
        next_one = Manifest(
            number=1 if before is None else before.number + 1,
            previous=self.head,
            ledger=self.identity,
            written_at=instant(self.now),
            upto=upto,
            last_recorded_at=ledger.last_recorded_at(self.connection, upto),
            drawn=ledger.number(self.connection, "archive_drawn"),
            seal=ledger.last_seal(self.connection, upto),
            erasures=tuple(self.erasures),
            journal=self._store_journal(upto),
            files=tuple(files),
            superseded=(
                *superseded,
                *(Superseded(name=file.name, index=file.index, since=instant(self.now)) for file in gone),
            ),
        )
        self.head = store(self.place, next_one)
        self.manifest = next_one

    def forget_superseded(self) -> None:
        """In the next manifest they are not named any more."""
        if self.manifest is not None:
            self.manifest = self.manifest.model_copy(update={"superseded": ()})

    def journal_is(self, upto: int) -> bool:
        content = ledger.journal(self.connection, upto, self.erasures)
        return self.manifest is not None and hashlib.sha256(content).hexdigest() == self.manifest.journal.sha256

    def _store_journal(self, upto: int) -> Journal:
        content = ledger.journal(self.connection, upto, self.erasures)
        digest = hashlib.sha256(content).hexdigest()
        if self.manifest is not None and self.manifest.journal.sha256 == digest:
            return self.manifest.journal
        name = f"{JOURNALS}/{upto:019}-{uuid4().hex[:12]}.json"
        with self.place.new(name) as path:
            path.write_bytes(content)
        return Journal(name=name, sha256=digest)
