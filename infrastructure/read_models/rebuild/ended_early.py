"""Replays that were ended between two lanes, and what was allowed of them: whoever leads the projection goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.rebuild.apply import Limit
from temple_ledger.infrastructure.read_models.rebuild.progress import Cut
from temple_ledger.projections.key import ProjectionKey


@dataclass(frozen=True)
class EndedEarly:
    """`lanes` of the sixteen have the rebuilt rows. `by`, `reason` and `changing`, how many members were to change, are
    those of whoever began it. `cut`: how what was folded is divided."""

    key: ProjectionKey
    lanes: int
    cut: Cut
    by: str
    reason: str | None
    changing: int

    @property
    def limit(self) -> Limit:
        """No more than what was allowed."""
        return Limit(None, self.changing)


def ended_early(connection: psycopg.Connection[Any]) -> Sequence[EndedEarly]:
    """Those at which nobody is at work; without what the journal does not have, which a person has to allow anew."""
    return [
        EndedEarly(ProjectionKey(projection, version), lanes, Cut(cut), by, reason, changing)
        for projection, version, lanes, cut, by, reason, changing in connection.execute(
            statement("rebuild_ended_early")
        )
        if changing is not None
    ]
