"""A tally counted again from the log."""

from typing import Any, Final

import psycopg
from psycopg import sql

from domain.position import START, Position
from infrastructure.log.reader import events
from projections.batch import TallyBatch, count_batch
from projections.tally import Key, Tally

EVENTS_AT_A_TIME: Final = 20_000


def recount(
    connection: psycopg.Connection[Any], tally: Tally, *, upto: Position, skipped: frozenset[Position]
) -> TallyBatch:
    total = TallyBatch()
    after = START
    while page := events(connection, after=after, upto=upto, limit=EVENTS_AT_A_TIME):
        batch = count_batch(tally, page, skipped)
        for key, number in batch.increments.items():
            total.increments[key] = total.increments.get(key, 0) + number
        total.failures += batch.failures
        total.counted += batch.counted
        after = page[-1].position
    return total


def stored_counts(connection: psycopg.Connection[Any], tally: Tally) -> dict[Key, int]:
    query = sql.SQL("select {} from {}").format(
        sql.SQL(", ").join(map(sql.Identifier, tally.table.column_names)), sql.Identifier(tally.table.name)
    )
    return {tuple(key): number for *key, number in connection.execute(query, binary=True)}
