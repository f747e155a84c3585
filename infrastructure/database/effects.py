"""The effects of projections, as the ledger knows them: each has a start."""

from typing import Any

import psycopg

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tally import Tally


def install_effects(connection: psycopg.Connection[Any], projection: Projection) -> list[str]:
    """Gives those that are new a start, the head of the log as it is now; their names."""
    made = []
    for name in () if isinstance(projection, Tally) else projection.effects:
        row = connection.execute(statement("effect_install"), {**projection.key.parameters, "name": name}).fetchone()
        if row is not None:
            made.append(name)
    return made
