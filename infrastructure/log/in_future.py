"""Events whose time has not come: every door of ours refuses them, and a row may come in by SQL all the same."""

from typing import Any, Final

import psycopg

from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.database.statements import statement

MOST_SHOWN: Final = 5


def future_positions(connection: psycopg.Connection[Any]) -> PositionSet:
    """Of those that are more than a day ahead and not retracted; a thousand at most."""
    return PositionSet.of(position for (position,) in connection.execute(statement("log_in_future")))


def retraction_of(positions: PositionSet) -> str:
    """What to type about the first of them."""
    first = [str(position) for _, position in zip(range(MOST_SHOWN), positions, strict=False)]
    return f'temple events retract {" ".join(first)} --reason "dated in the future"'
