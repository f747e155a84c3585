"""The members of some buckets folded from an archive and from what came behind it: for workers of an engine."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.archive.bucket_events import BucketEvents
from temple_ledger.infrastructure.read_models.gc_tuning import rare_collections
from temple_ledger.infrastructure.read_models.member_log.fold_members import before_parked
from temple_ledger.infrastructure.read_models.member_stream import MOST_BYTES, MOST_EVENTS
from temple_ledger.projections.batch import without
from temple_ledger.projections.fold import Fold, Folded
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import State
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import named


def projection_of(key: ProjectionKey) -> Projection:
    """In a worker. Raises Refused where it has another version than who drives it."""
    found = named(key.name)
    if found.key != key:
        raise Refused(f"a worker has version {found.version} of {key.name}, and who drives it {key.version}")
    return found


def fold_bucket_members(
    events: BucketEvents,
    fold: Fold[State],
    first: int,
    last: int,
    *,
    left_out: PositionSet,
    parked: Mapping[str, Position] = MappingProxyType({}),
    most_events: int = MOST_EVENTS,
) -> Iterator[tuple[str, Folded[State], int]]:
    """Each member with known events, by bucket and by id, and of how many events; of one in *parked* what came before
    that position. A history of more than *most_events* is read in pages."""
    with rare_collections():
        for user_id, held in events.members(fold, first, last, most_events=most_events, most_bytes=MOST_BYTES):
            parked_at = parked.get(user_id)
            if held is None:
                yield user_id, _fold_long(events, fold, user_id, left_out, parked_at), most_events
            else:
                known = before_parked(without(left_out, held), parked_at)
                yield user_id, fold.whole_of_known(known), len(known)


def _fold_long(
    events: BucketEvents, fold: Fold[State], user_id: str, left_out: PositionSet, parked_at: Position | None
) -> Folded[State]:
    def pages_upto(position: Position) -> Iterator[Sequence[Recorded]]:
        for page in events.pages(fold, user_id):
            yield without(left_out, [recorded for recorded in page if recorded.position <= position])

    upto = events.bounds.upto
    return fold.whole_in_pages(pages_upto, upto if parked_at is None else Position(min(upto, parked_at - 1)))
