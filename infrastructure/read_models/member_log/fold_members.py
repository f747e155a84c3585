"""Some members folded from the log, for whoever has their names."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_stream import member_histories
from temple_ledger.projections.batch import without
from temple_ledger.projections.fold import Fold, Folded
from temple_ledger.projections.member_projection import MemberProjection

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
) -> Mapping[str, Sequence[Recorded]]:
    """The known events of each of these members, in no certain order, without those that are skipped or retracted.

    With *retracted*, as if exactly these positions were retracted.
    """
    left_out = read_exceptions(connection, fold.projection.name, retracted=retracted).left_out
    found = member_histories(connection, fold, user_ids, upto=upto)
    return {user_id: without(left_out, events) for user_id, events in found.items()}


def fold_members(
    connection: Connection,
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    user_ids: Sequence[str],
    upto: Position,
) -> Iterator[tuple[str, Folded[Any], int]]:
    """Each of these members from the whole log, and of how many events; also those without known events."""
    fold = Fold(projection, catalogue)
    return fold_histories(fold, user_ids, histories(connection, fold, user_ids, upto))


def fold_histories(
    fold: Fold[Any],
    user_ids: Sequence[str],
    of_members: Mapping[str, Sequence[Recorded]],
    parked: Mapping[str, Position] = MappingProxyType({}),
) -> Iterator[tuple[str, Folded[Any], int]]:
    """The same, where their histories have been read; of those in *parked*, what came before that position."""
    for user_id in user_ids:
        folded = before_parked(of_members.get(user_id, ()), parked.get(user_id))
        yield user_id, fold.whole_of_known(folded), len(folded)


def before_parked(events: Sequence[Recorded], parked_at: Position | None) -> Sequence[Recorded]:
    """What is folded of a member who was parked at that position; all of it of one who was not."""
    return events if parked_at is None else [recorded for recorded in events if recorded.position < parked_at]
