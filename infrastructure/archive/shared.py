"""An archive that several processes fold from, on this machine or others."""

from dataclasses import dataclass

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.archive import ledger
from temple_ledger.infrastructure.archive.bucket_events import Bounds, BucketEvents
from temple_ledger.infrastructure.archive.manifest import Identity, require
from temple_ledger.infrastructure.archive.place import Place, place_at
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.version import version


@dataclass(frozen=True)
class SharedArchive:
    """As it is sent to workers: where it is, for them too, and whose it has to be. `package` is this one's version."""

    address: str
    ledger: Identity
    package: str

    def events(self, database: Database, bounds: Bounds) -> BucketEvents:
        """In a worker. Raises Refused where another archive is there, or another version of this package."""
        if self.package != version():
            raise Refused(f"a worker has temple-ledger {version()}, and who drives it {self.package}; install the same")
        place = place_at(self.address)
        manifest, _ = require(place)
        if manifest.ledger != self.ledger:
            raise Refused(f"{self.address} is the archive of another ledger where a worker reads it")
        return BucketEvents(place, manifest, database, bounds)


def shared_archive(database: Database, place: Place) -> SharedArchive:
    """Raises Refused where it is not this ledger's, or has persons who were erased since; ArchiveDamaged."""
    manifest, _ = require(place)
    with database.connect(DatabaseRole.READ, application="temple archive") as connection:
        ledger.require_same_ledger(connection, manifest, place.address)
        if set(ledger.finished_erasures(connection)) - set(manifest.erasures):
            raise Refused("persons were erased since the archive was written; run: temple archive erase")
    return SharedArchive(place.address, manifest.ledger, version())
