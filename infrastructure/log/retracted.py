"""Which positions of the log are retracted."""

from typing import Any

import psycopg

from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.database.statements import statement


def retracted_positions(connection: psycopg.Connection[Any]) -> PositionSet:
    return PositionSet(connection.execute(statement("retraction_ranges")).fetchall())
