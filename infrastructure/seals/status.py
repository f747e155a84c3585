"""How far the log is sealed and proven, on one line; and what the latest proof found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.seals.finding import Finding


@dataclass(frozen=True)
class SealStatus:
    """`sealer` is who seals now. `findings` are those of the latest whole proof, or of the one that goes on;
    `proven_at` None: there was none."""

    sealed_position: Position
    log_position: Position
    ranges: int
    entries: int
    taken_over: int
    sealed_at: datetime | None
    sealer: str | None
    proven_position: Position
    proven_at: datetime | None
    findings: int

    @property
    def was_compared(self) -> bool:
        """A proof of nothing, from before anything was sealed, says nothing."""
        return self.proven_at is not None and (self.proven_position > 0 or self.findings > 0)

    @property
    def sentence(self) -> str:
        return f"sealed up to {self.sealed_position} of {self.log_position}"


def seal_status(connection: psycopg.Connection[Any]) -> SealStatus:
    row = connection.execute(statement("seal_status")).fetchone()
    if row is None:
        raise LookupError("seal_status has one row")
    return SealStatus(*row)


def stored_findings(connection: psycopg.Connection[Any]) -> Sequence[Finding]:
    """Those that `SealStatus.findings` counts, as far as they are listed."""
    row = connection.execute(statement("seal_findings_read")).fetchone()
    return () if row is None else [Finding(*each) for each in row[0]]
