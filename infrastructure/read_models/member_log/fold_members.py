"""Some members folded from the log, for whoever has their names."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_stream import MOST_EVENTS, member_histories, pages_of_member
from temple_ledger.projections.batch import without
from temple_ledger.projections.fold import Fold, Folded
from temple_ledger.projections.member_projection import MemberProjection, State

Connection = psycopg.Connection[Any]


def members_touched(connection: Connection, after: Position, upto: Position) -> list[str]:
    """Those with events in (after, upto]."""
    if upto <= after:
        return []
    return [user_id for (user_id,) in connection.execute(statement("members_touched"), {"after": after, "upto": upto})]


def histories(
    connection: Connection,
    fold: Fold[Any],
    user_ids: Sequence[str],
    upto: Position,
    *,
    retracted: PositionSet | None = None,
) -> Iterator[tuple[str, Sequence[Recorded] | None]]:
    """The known events of each of these members, in no certain order, without those that are skipped or retracted.

    None for one who has too many to be held in memory: `fold_long` folds them. With *retracted*, as if exactly these
    positions were retracted.
    """
    left_out = read_exceptions(connection, fold.projection.key, retracted=retracted).left_out
    for user_id, events in member_histories(connection, fold, user_ids, upto=upto):
        yield user_id, None if events is None else without(left_out, events)


def fold_long(
    connection: Connection,
    fold: Fold[State],
    user_id: str,
    upto: Position,
    *,
    left_out: PositionSet | None = None,
    parked_at: Position | None = None,
    turn: Callable[[], None] = lambda: None,
) -> Folded[State]:
    """A member whose history is too long for memory, page by page; *turn* is called before each.

    On a connection in a transaction, or in autocommit: then in one of its own.
    """
    if left_out is None:
        left_out = read_exceptions(connection, fold.projection.key).left_out
    last = upto if parked_at is None else Position(min(upto, parked_at - 1))

    def pages_upto(position: Position) -> Iterator[Sequence[Recorded]]:
        for page in pages_of_member(connection, fold, user_id, position):
            turn()
            yield without(left_out, page)

    own = connection.autocommit and connection.info.transaction_status is TransactionStatus.IDLE
    with connection.transaction() if own else nullcontext():
        return fold.whole_in_pages(pages_upto, last)


def fold_members(
    connection: Connection,
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    user_ids: Sequence[str],
    upto: Position,
    parked: Mapping[str, Position] = MappingProxyType({}),
) -> Iterator[tuple[str, Folded[Any], int]]:
    """Each of these members from the whole log, and of how many events; also those without known events. Of those in
    *parked*, what came before that position."""
    fold = Fold(projection, catalogue)
    return fold_histories(connection, fold, histories(connection, fold, user_ids, upto), upto, parked)


def fold_histories(
    connection: Connection,
    fold: Fold[Any],
    of_members: Iterable[tuple[str, Sequence[Recorded] | None]],
    upto: Position,
    parked: Mapping[str, Position] = MappingProxyType({}),
    *,
    left_out: PositionSet | None = None,
) -> Iterator[tuple[str, Folded[Any], int]]:
    """The same, where their histories have been read; of those in *parked*, what came before that position.

    *left_out* is what was left out of the histories; None is what the projection leaves out.
    """
    for user_id, events in of_members:
        if events is None:
            parked_at = parked.get(user_id)
            folded = fold_long(connection, fold, user_id, upto, left_out=left_out, parked_at=parked_at)
            yield user_id, folded, MOST_EVENTS
            continue
        before = before_parked(events, parked.get(user_id))
        yield user_id, fold.whole_of_known(before), len(before)


def before_parked(events: Sequence[Recorded], parked_at: Position | None) -> Sequence[Recorded]:
    """What is folded of a member who was parked at that position; all of it of one who was not."""
    return events if parked_at is None else [recorded for recorded in events if recorded.position < parked_at]
