"""A step of some lanes of a split projection, within its transaction."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Protocol

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import Position
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.grouped import ByMember, EventName
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.projecting import ProjectingTransaction, Wanted
from temple_ledger.projections.standing import may_fold
from temple_ledger.projections.step import CAUGHT_UP, Share, Step, in_time_only
from temple_ledger.projections.tally import Tally


class Begins(Protocol):
    """A processor."""

    @property
    def projection(self) -> MemberProjection[object] | Tally: ...

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def wanted(self) -> Wanted: ...

    def begin(self, transaction: ProjectingTransaction, checkpoint: Checkpoint, *, wide: bool = False) -> Share: ...


@dataclass(frozen=True)
class LanesShare:
    """`apart`: others that are led together with these lanes stand further still. `read`: events of all members."""

    share: Share
    apart: bool
    read: int

    def committed(self) -> Step:
        return replace(self.share.committed(), apart=self.apart, read=self.read)


def fold_lanes(
    transaction: ProjectingTransaction,
    processor: Begins,
    lanes: Collection[int],
    *,
    upto: Position,
    limit: int,
    in_time: Callable[[], bool] | None,
) -> LanesShare | Step:
    """Of those of these lanes that stand least far, up to where the next ones stand; a step where there is nothing."""
    checkpoint, next_one = transaction.lock_lanes(processor.projection.key, lanes)
    reason = may_fold(processor.projection, checkpoint, processor.catalogue)
    if reason is not None:
        return Step(checkpoint.position, idle=reason)
    after, unit = checkpoint.position, checkpoint.unit
    end = upto if next_one is None else min(upto, next_one)
    # those that a wide step reads are counted there
    without = frozenset[EventName]() if in_time is None else processor.wanted.names
    passed, to, read = transaction.passed_of(unit, after=after, upto=end, limit=limit, without=without)
    if to == after:
        return Step(after, idle=CAUGHT_UP, apart=next_one is not None)
    share = processor.begin(transaction, checkpoint, wide=in_time is not None)
    if in_time is not None:
        with transaction.by_member(processor.wanted, after=after, upto=to, lanes=unit) as pieces:
            for piece in in_time_only(pieces, in_time):
                share.fold(piece, to)
                passed += sum(map(len, piece.values()))
    elif passed:
        events = transaction.events(after=after, upto=to, limit=limit, lanes=unit)
        if len(events) < passed:
            # of large payloads, a part
            passed, to = len(events), events[-1].position
            read = passed
        share.fold(ByMember.of(events), to)
    share.finish(to, passed)
    return LanesShare(share, next_one is not None and to < next_one, read)
