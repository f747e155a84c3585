"""Snapshots as they were kept."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import UnknownName
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.snapshots.finding import Finding, differences_from_json


class Snapshot(NamedTuple):
    """`differences` counts by class; `known` is how many members the ledger had as present, `counted` how many the
    source itself counts, about: None where it does not count."""

    id: UUID
    source: str
    started_at: datetime
    finished_at: datetime | None
    complete: bool
    note: str | None
    members: int
    known: int
    at_risk: int
    differences: Mapping[str, int]
    applied_at: datetime | None
    applied_by: str | None
    counted: int | None = None


class Numbered(NamedTuple):
    number: int
    finding: Finding


def read_snapshot(connection: psycopg.Connection[Any], snapshot_id: UUID) -> Snapshot:
    """Raises UnknownName."""
    row = connection.execute(statement("snapshot_read"), {"id": snapshot_id}).fetchone()
    if row is None:
        raise UnknownName("snapshot", str(snapshot_id))
    return Snapshot(*row)


def snapshots(connection: psycopg.Connection[Any], source: str, limit: int) -> list[Snapshot]:
    """The newest first."""
    return [
        Snapshot(*row) for row in connection.execute(statement("snapshot_list"), {"source": source, "limit": limit})
    ]


def open_findings(
    connection: psycopg.Connection[Any], snapshot_id: UUID, limit: int, *, catalogue: Catalogue
) -> list[Numbered]:
    """The next ones that nobody has settled."""
    return _numbered(connection, "snapshot_open", {"snapshot": snapshot_id, "limit": limit}, catalogue)


def all_findings(
    connection: psycopg.Connection[Any], snapshot_id: UUID, *, catalogue: Catalogue, page: int = 500
) -> Iterator[Finding]:
    after = 0
    while found := _numbered(
        connection, "snapshot_findings", {"snapshot": snapshot_id, "after": after, "limit": page}, catalogue
    ):
        yield from (each.finding for each in found)
        after = found[-1].number


def _numbered(
    connection: psycopg.Connection[Any], name: str, values: Mapping[str, Any], catalogue: Catalogue
) -> list[Numbered]:
    return [
        Numbered(number, Finding(user_id, observed, differences_from_json(differences, catalogue), loses))
        for number, user_id, observed, loses, differences in connection.execute(statement(name), values)
    ]


def rows_of(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """For tables and JSON: one for each difference."""
    return [
        {
            "class": found.kind.value,
            "user_id": finding.user_id,
            "field": found.field,
            "ours": found.ours,
            "theirs": found.theirs,
            "events": len(found.entries),
        }
        for finding in findings
        for found in finding.differences
    ]
