"""Applying a snapshot: events and the source's observed state move together, a chunk of members at a time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import EventConflict
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.snapshots.finding import Finding
from temple_ledger.infrastructure.ingestion.snapshots.guard import require_safe
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import Snapshot, open_findings, read_snapshot
from temple_ledger.infrastructure.log.append import append_within
from temple_ledger.infrastructure.log.notifier import Notifier

CHUNK: Final = 500


class Settling(Protocol):
    """How a source takes what a snapshot found."""

    @property
    def source(self) -> str: ...

    def settle(
        self, connection: psycopg.Connection[Any], snapshot: Snapshot, findings: Sequence[Finding]
    ) -> Sequence[LogEntry]:
        """Moves the observed state of these members to what the snapshot says, and returns the events of that.

        The state may have moved since the snapshot was taken: it is compared again, and whoever was heard of since
        then is left alone. Within a transaction that holds the source's translator, and that may be tried again.
        """
        ...


class AppliedSnapshot(NamedTuple):
    """`before`: it had been applied before, and nothing was left to do."""

    events: int
    members: int
    conflicts: int
    before: bool


def apply_snapshot(
    database: Database,
    settling: Settling,
    snapshot_id: UUID,
    *,
    by: str,
    catalogue: Catalogue,
    confirmed: bool = False,
    count_accepted: bool = False,
    partial: bool = False,
    notifier: Notifier | None = None,
    chunk: int = CHUNK,
) -> AppliedSnapshot:
    """Appends what is missing, in chunks; one that was cut short goes on where it was. *partial*: also of a snapshot
    that is not complete, whose findings then say of nobody that they are gone.

    Raises Held (nothing was done), UnknownName, DatabaseUnavailable.
    """
    total = AppliedSnapshot(0, 0, 0, before=False)
    with RetryingConnection(database, DatabaseRole.TRANSLATE, application="temple snapshot") as patient:
        snapshot = patient.run("reading the snapshot", lambda connection: read_snapshot(connection, snapshot_id))
        if snapshot.applied_at is not None:
            return total._replace(before=True)
        require_safe(snapshot, confirmed=confirmed, count_accepted=count_accepted, partial=partial)
        while (
            done := patient.run("applying", lambda connection: _chunk(connection, settling, snapshot, chunk, catalogue))
        ) is not None:
            total = AppliedSnapshot(
                total.events + done.events, total.members + done.members, total.conflicts + done.conflicts, before=False
            )
            if done.events and notifier is not None:
                notifier.notify()
        patient.run(
            "applying",
            lambda connection: connection.execute(
                statement("snapshot_applied"), {"id": snapshot_id, "by": by[:100], "at": datetime.now(UTC)}
            ),
        )
    return total


def hold_translator(connection: psycopg.Connection[Any], source: str) -> None:
    """Until the transaction ends nobody translates deliveries of *source*. Waits for whoever does."""
    connection.execute(statement("translator_create"), {"source": source})
    connection.execute(statement("translator_take"), {"source": source})


def _chunk(
    connection: psycopg.Connection[Any], settling: Settling, snapshot: Snapshot, limit: int, catalogue: Catalogue
) -> AppliedSnapshot | None:
    with connection.transaction():
        hold_translator(connection, settling.source)
        found = open_findings(connection, snapshot.id, limit, catalogue=catalogue)
        if not found:
            return None
        entries = settling.settle(connection, snapshot, [each.finding for each in found])
        outcomes = append_within(connection, entries)
        connection.execute(
            statement("snapshot_settle"), {"snapshot": snapshot.id, "numbers": [each.number for each in found]}
        )
    conflicts = sum(isinstance(each, EventConflict) for each in outcomes)
    added = sum(not isinstance(each, EventConflict) and each.added for each in outcomes)
    return AppliedSnapshot(added, len(found), conflicts, before=False)
