"""The manifest behind another one."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from temple_ledger.infrastructure.archive import ledger, seals
from temple_ledger.infrastructure.archive.manifest import (
    ArchivedFile,
    Identity,
    Journal,
    Manifest,
    Seals,
    Superseded,
    instant,
    store,
)
from temple_ledger.infrastructure.archive.place import Place, store_new

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
        journal, chain = self._beside_events(upto)
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
            journal=journal,
            seals=chain,
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

    @property
    def is_current(self) -> bool:
        """Whether all that is not an event is as the ledger has it: then there is nothing to add without new events."""
        if self.manifest is None:
            return False
        with ledger.one_moment(self.connection):
            journal = hashlib.sha256(ledger.journal(self.connection, self.upto, self.erasures)).hexdigest()
            found = seals.parts(self.connection, self.upto, self.erasures)
        before = self.manifest.seals
        return (
            journal == self.manifest.journal.sha256
            and len(found) == len(before)
            and all(seals.is_of(each, part) for each, part in zip(before, found, strict=True))
        )

    def _beside_events(self, upto: int) -> tuple[Journal, tuple[Seals, ...]]:
        """Of one moment: an operation and its entry in the chain are both there, or neither is."""
        with ledger.one_moment(self.connection):
            journal = self._store_journal(upto)
            return journal, tuple(map(self._stored, seals.parts(self.connection, upto, self.erasures)))

    def _stored(self, part: seals.Part) -> Seals:
        before = () if self.manifest is None else self.manifest.seals
        same = next((each for each in before if seals.is_of(each, part)), None)
        return seals.store_part(self.place, self.connection, part) if same is None else same

    def _store_journal(self, upto: int) -> Journal:
        content = ledger.journal(self.connection, upto, self.erasures)
        digest = hashlib.sha256(content).hexdigest()
        if self.manifest is not None and self.manifest.journal.sha256 == digest:
            return self.manifest.journal
        name = f"{JOURNALS}/{upto:019}-{uuid4().hex[:12]}.json"
        store_new(self.place, name, content)
        return Journal(name=name, sha256=digest)
