"""A tally counted again from the log."""

from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import START, Position, PositionSet
from temple_ledger.infrastructure.log.reader import events
from temple_ledger.projections.batch import TallyBatch, count_batch
from temple_ledger.projections.tally import Tally

EVENTS_AT_A_TIME: Final = 20_000


def recount(
    connection: psycopg.Connection[Any],
    tally: Tally,
    *,
    upto: Position,
    left_out: PositionSet,
    catalogue: Catalogue,
    after: Position = START,
) -> TallyBatch:
    """What the events in (after, upto] add."""
    total = TallyBatch()
    while page := events(connection, after=after, upto=upto, limit=EVENTS_AT_A_TIME):
        batch = count_batch(tally, page, left_out, catalogue)
        for key, number in batch.increments.items():
            total.increments[key] = total.increments.get(key, 0) + number
        total.failures += batch.failures
        total.counted += batch.counted
        after = page[-1].position
    return total
