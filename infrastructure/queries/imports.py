"""Imports, as they were written down while they went on."""

from collections.abc import Sequence
from datetime import datetime
from itertools import starmap
from typing import NamedTuple

from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.consistent_read import Connection


class ListedImport(NamedTuple):
    """`finished_at` is None where it goes on or was interrupted. Positions between first and last may be others'."""

    number: int
    file: str
    imported_by: str
    began_at: datetime
    finished_at: datetime | None
    events: int
    first: Position
    last: Position
    retracted: int


class RetractedPart(NamedTuple):
    """Events that are retracted, by the import that added them (None where none did) and by why they are."""

    number: int | None
    reason: str
    events: int


def reasons_of_retraction(connection: Connection, positions: PositionSet) -> Sequence[RetractedPart]:
    """Of those that are retracted, the most first."""
    firsts, lasts = ([each[end] for each in positions.ranges] for end in (0, 1))
    found = connection.execute(statement("read_reasons_of_retraction"), {"firsts": firsts, "lasts": lasts})
    return list(starmap(RetractedPart, found))


def owners(connection: Connection, positions: PositionSet) -> Sequence[int]:
    """The imports that added some of these positions, by number."""
    firsts, lasts = ([each[end] for each in positions.ranges] for end in (0, 1))
    return [number for (number,) in connection.execute(statement("read_owners"), {"firsts": firsts, "lasts": lasts})]


def imports(connection: Connection, *, limit: int) -> Sequence[ListedImport]:
    """The newest first; without those that added nothing."""
    return list(starmap(ListedImport, connection.execute(statement("read_imports"), {"limit": limit})))
