"""A tally counted again from the log."""

from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import START, Position, PositionSet
from temple_ledger.infrastructure.log.reader import events, events_at
from temple_ledger.projections.counting import TallyBatch, count_batch
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
        total.add(count_batch(tally, page, left_out, catalogue))
        after = page[-1].position
    return total


def recount_at(
    connection: psycopg.Connection[Any],
    tally: Tally,
    positions: PositionSet,
    *,
    upto: Position,
    left_out: PositionSet,
    catalogue: Catalogue,
) -> TallyBatch:
    """What the events at these positions add, as far as the tally has come."""
    total = TallyBatch()
    for page in events_at(connection, positions & PositionSet([(START, upto)]), EVENTS_AT_A_TIME):
        total.add(count_batch(tally, page, left_out, catalogue))
    return total
