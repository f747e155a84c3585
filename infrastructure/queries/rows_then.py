"""The rows of any projection as of a moment, folded from the log for the members that are asked about."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final, NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.log.reader import member_events
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_stream import held_together, pages_of_member
from temple_ledger.projections.batch import without
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.tables import Rows

LAST: Final = Position(2**63 - 1)


@dataclass(frozen=True)
class PagedEvents:
    """The events of a member who has too many for memory: each pass over them reads the log, in the transaction that
    asked. Only those that the projection folds, with the payloads that it reads."""

    read: Callable[[Position], Iterable[Sequence[Recorded]]]
    before: Position | None = None

    def __iter__(self) -> Iterator[Recorded]:
        for page in self.read(LAST if self.before is None else Position(self.before - 1)):
            yield from page


class RowsThen(NamedTuple):
    """A member folded as of a moment; `rows` is empty before the first known event.

    `events` are those of the moment, by (timestamp, position). Where one of them could not be folded, `parked_at` is
    its position, and the rows are those before it.
    """

    user_id: str
    rows: Rows
    events: Iterable[Recorded]
    parked_at: Position | None = None
    error: str | None = None

    @property
    def folded_events(self) -> Iterable[Recorded]:
        """Those that the rows were made of."""
        if self.parked_at is None:
            return self.events
        if isinstance(self.events, PagedEvents):
            return replace(self.events, before=self.parked_at)
        return [event for event in self.events if event.position < self.parked_at]


def rows_then(
    connection: Connection,
    projection: MemberProjection[Any],
    user_ids: Sequence[str],
    moment: AsOf,
    catalogue: Catalogue,
) -> Iterator[RowsThen]:
    """In the order of *user_ids*; whoever has no event at that moment is left out."""
    fold = Fold(projection, catalogue)
    left_out = read_exceptions(connection, projection.key).left_out
    for some, too_long in held_together(connection, user_ids, LAST):
        if too_long:
            yield from (_paged_then(connection, fold, user_id, moment, left_out) for user_id in some)
            continue
        every = member_events(connection, some, LAST, until=moment.as_of, recorded_until=moment.known_at)
        for user_id, found in groupby(every, key=lambda recorded: recorded.user_id):
            events = [recorded for recorded in found if recorded.position not in left_out]
            folded = fold.whole(events)
            yield RowsThen(user_id, folded.rows, events, folded.parked_at, folded.error)


def _paged_then(connection: Connection, fold: Fold[Any], user_id: str, moment: AsOf, left_out: PositionSet) -> RowsThen:
    def read(upto: Position) -> Iterator[Sequence[Recorded]]:
        pages = pages_of_member(connection, fold, user_id, upto, until=moment.as_of, recorded_until=moment.known_at)
        return (without(left_out, page) for page in pages)

    folded = fold.whole_in_pages(read, LAST)
    return RowsThen(user_id, folded.rows, PagedEvents(read), folded.parked_at, folded.error)


def rows_of_member_then(
    connection: Connection, projection: MemberProjection[Any], user_id: str, moment: AsOf, catalogue: Catalogue
) -> RowsThen:
    """Of one; without rows where nothing had happened."""
    return next(rows_then(connection, projection, [user_id], moment, catalogue), RowsThen(user_id, {}, ()))
