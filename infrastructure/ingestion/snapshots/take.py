"""Taking a snapshot: findings are kept as they come, so that memory does not grow with the guild."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.snapshots.finding import Finding, differences_as_json

KEPT: Final = 50
"""Snapshots of a source; older ones are forgotten with their findings, what they led to is in the log."""


class Taking:
    """Writes one snapshot on *connection*, which is in autocommit: what is kept of one that was cut short is never
    complete, and so never applied."""

    def __init__(
        self, connection: psycopg.Connection[Any], source: str, snapshot_id: UUID, started_at: datetime
    ) -> None:
        self.id = snapshot_id
        self.started_at = started_at
        self._connection = connection
        self._number = 0
        self._at_risk = 0
        self._classes: Counter[str] = Counter()
        connection.execute(statement("snapshot_begin"), {"id": snapshot_id, "source": source, "started_at": started_at})
        connection.execute(statement("snapshot_forget"), {"source": source, "kept": KEPT})

    def keep(self, findings: Sequence[Finding]) -> None:
        """The id is stored before any event that names it."""
        if not findings:
            return
        self._connection.execute(
            statement("snapshot_keep"),
            {
                "snapshot": self.id,
                "numbers": list(range(self._number + 1, self._number + len(findings) + 1)),
                "user_ids": [each.user_id for each in findings],
                "observed": [None if each.observed is None else json.dumps(each.observed) for each in findings],
                "loses": [each.loses for each in findings],
                "differences": [json.dumps(differences_as_json(each)) for each in findings],
            },
        )
        self._number += len(findings)
        self._at_risk += sum(each.loses for each in findings)
        self._classes.update(found.kind.value for each in findings for found in each.differences)

    def finish(
        self,
        finished_at: datetime,
        *,
        members: int,
        known: int,
        complete: bool,
        note: str | None = None,
        counted: int | None = None,
    ) -> None:
        """*note* says why it is not complete, or of what nothing is concluded; *counted* is how many members the source
        itself counts, about."""
        self._connection.execute(
            statement("snapshot_finish"),
            {
                "id": self.id,
                "finished_at": finished_at,
                "complete": complete,
                "note": note,
                "counted": counted,
                "members": members,
                "known": known,
                "at_risk": self._at_risk,
                "differences": json.dumps(self._classes),
            },
        )
