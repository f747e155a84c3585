"""The chain of seals in an archive, in parts of so many seals: a part is written again when it grows, or a key goes.

With the keys, since without them no event can be proven; so only who may read those archives seals, and a part goes as
soon as the key of an erased person's range is destroyed.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import uuid4

from temple_ledger.infrastructure.archive import ledger
from temple_ledger.infrastructure.archive.manifest import Seals, read_checked
from temple_ledger.infrastructure.archive.place import Place, store_new
from temple_ledger.infrastructure.database.statements import statement

FOLDER: Final = "seals"
SEALS_IN_A_PART: Final = 1_000


class Part(NamedTuple):
    """Of the chain as it is in the ledger. `changed` is a digest of what erasures and acceptances made of it."""

    number: int
    last: int
    changed: str

    @property
    def first(self) -> int:
        return self.number * SEALS_IN_A_PART + 1


def parts(connection: ledger.Connection, upto: int, erasures: Sequence[str]) -> list[Part]:
    """None for a login that may not read keys. Within a transaction, which reads as temple_seal from then on."""
    if not ledger.may_read_keys(connection):
        return []
    connection.execute(statement("archive_as_sealer"))
    values = {"upto": upto, "erasures": list(erasures), "seals": SEALS_IN_A_PART}
    return [Part(*row) for row in connection.execute(statement("archive_seal_parts"), values)]


def store_part(place: Place, connection: ledger.Connection, part: Part) -> Seals:
    row = connection.execute(statement("archive_seals"), {"first": part.first, "last": part.last}).fetchone()
    content = b"{}" if row is None else str(row[0]).encode()
    name = f"{FOLDER}/{part.last:019}-{uuid4().hex[:12]}.json"
    store_new(place, name, content)
    return Seals(
        part=part.number,
        last=part.last,
        changed=part.changed,
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def is_of(seals: Seals, part: Part) -> bool:
    """Whether it has that part as it is in the ledger."""
    return Part(seals.part, seals.last, seals.changed) == part


def check(place: Place, seals: Seals) -> None:
    """Raises ArchiveDamaged."""
    read_checked(place, seals.name, seals.sha256)


def restore(place: Place, connection: ledger.Connection, seals: Seals) -> None:
    """Behind the events and the journals that they are about. Raises ArchiveDamaged."""
    content: dict[str, Any] = json.loads(read_checked(place, seals.name, seals.sha256))
    values = {table: json.dumps(rows) for table, rows in content.items()}
    for name in ("archive_restore_log_seal", "archive_restore_seal_key"):
        connection.execute(statement(name), values)
