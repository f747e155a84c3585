"""What a tally does in a step."""

from collections.abc import Sequence
from itertools import chain
from typing import Protocol

from temple_ledger.domain.position import Position
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.brake import Brake, Notes
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.counting import Counting
from temple_ledger.projections.grouped import ByMember
from temple_ledger.projections.placing import placed
from temple_ledger.projections.projecting import ProjectingTransaction
from temple_ledger.projections.step import FoldedPart, Step
from temple_ledger.projections.tally import Tally


class _Processor(Protocol):
    projection: Tally
    reads: str
    brake: Brake
    notes: Notes

    def counting(self) -> Counting: ...

    def remember(self, before: Checkpoint, position: Position, failures: Sequence[Failure]) -> None: ...


class TallyShare:
    def __init__(self, processor: _Processor, transaction: ProjectingTransaction, checkpoint: Checkpoint) -> None:
        self._processor = processor
        self._transaction = transaction
        self._checkpoint = checkpoint
        self._counting = processor.counting()
        self._failures: Sequence[Failure] = ()
        self._position = checkpoint.position
        self._events = self._rows = 0

    def fold(self, events: ByMember, upto: Position) -> None:
        failures = self._counting.count(list(chain.from_iterable(events.values())))
        if not self._checkpoint.parks_freely:
            self._processor.notes.count(events, events.met, failures, epoch=self._checkpoint.epoch)

    def add(self, part: FoldedPart) -> None:
        if part.noted is not None and not self._checkpoint.parks_freely:
            self._processor.brake.add(part.noted, epoch=self._checkpoint.epoch)
        if part.counted is not None:
            self._counting.add(part.counted)

    def part(self) -> FoldedPart:
        part = FoldedPart(counted=self._counting.counted(), noted=self._processor.notes.taken())
        self._counting = self._processor.counting()
        return part

    def finish(self, to: Position, passed: int) -> None:
        tally, counting = placed(self._processor.projection, self._checkpoint), self._counting
        sums = counting.sums()
        self._transaction.add(tally.table, sums)
        self._transaction.park(tally.key, counting.failures)
        self._transaction.advance(
            self._checkpoint, to=to, passed=passed, counted=counting.number, reads=self._processor.reads
        )
        self._position, self._events, self._rows = to, passed, len(sums)
        self._failures = counting.failures

    def committed(self) -> Step:
        self._processor.remember(self._checkpoint, self._position, self._failures)
        return Step(self._position, self._events, self._rows, 0, tuple(self._failures))
