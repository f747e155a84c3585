"""How far behind a projection was, minute by minute, by the journal of its steps."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.projections.key import ProjectionKey

MOST_MINUTES: Final = 60
MOST_STEPS: Final = 3_000
"""The newest, among which minutes are looked for: a runner that is busy makes so many in some minutes."""


class LagAt(NamedTuple):
    """`seconds`: how long an event that was folded in this minute had been in the log."""

    minute: datetime
    seconds: float


def lag_trend(connection: Connection, key: ProjectionKey) -> Sequence[LagAt]:
    """Of the last minutes in which anything was folded, the oldest first."""
    asked = {**key.parameters, "steps": MOST_STEPS, "minutes": MOST_MINUTES}
    return [LagAt(*row) for row in connection.execute(statement("read_lag_trend"), asked)][::-1]
