"""One step of several projections: the log is read once, and one transaction has all of their rows and checkpoints.

Where one fails, all of it is undone and done once more, with a part of the transaction for each, which can be undone
alone. Whichever cannot go along, because its checkpoint is held or stands elsewhere, or because its part failed or took
long, is left to steps of its own.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from enum import StrEnum
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import passes
from temple_ledger.infrastructure.read_models.runner.beside import (
    ALL,
    ALONE,
    FILL_PARTS,
    PARTS,
    Beside,
    Folded,
    Shared,
    WideStep,
)
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.grouped import ByMember
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.processor import CAUGHT_UP, Processor, Share, Step
from temple_ledger.projections.projecting import OpenTransaction, ProjectingTransaction
from temple_ledger.projections.standing import may_fold
from temple_ledger.projections.step import MOST_FILLED, in_time_only

SLOW_SECONDS: Final = 0.5
SLOW_SECONDS_AN_EVENT: Final = 0.001
"""A projection whose part takes longer than both holds up the others. Where a part is long because its events are many,
it is the same for all of them, and one by one they would take longer."""


class Alone(StrEnum):
    """Why a projection was left out of a step, or goes on by itself after it."""

    HELD = "held"
    """Somebody else has its checkpoint."""
    STALE = "stale"
    """It is at another position than the others: somebody moved its checkpoint."""
    FAILED = "failed"
    SLOW = "slow"


class Outcome(NamedTuple):
    """Of one projection: what it did, if it took part, and why it is to go alone."""

    step: Step | None
    alone: Alone | None = None


Outcomes = Mapping[ProjectionKey, Outcome]


def stepped(
    processors: Sequence[Processor],
    opened: OpenTransaction,
    *,
    upto: Position,
    limit: int,
    in_time: Callable[[], bool] | None = None,
    most_filled: int = MOST_FILLED,
    beside: Beside = ALONE,
) -> Outcomes:
    """A step of one or several, wide with *in_time*. Raises what one alone raises."""
    if len(processors) > 1:
        if in_time is None:
            return step_together(processors, opened, upto=upto, limit=limit)
        return wide_step_together(
            processors, opened, upto=upto, limit=limit, in_time=in_time, most_filled=most_filled, beside=beside
        )
    (processor,) = processors
    started = time.monotonic()
    if in_time is None:
        step = processor.step(upto=upto, limit=limit)
        alone = _slow(time.monotonic() - started, step.gone_over)
        return {processor.projection.key: Outcome(step, alone)}
    step = processor.wide_step(upto=upto, limit=limit, in_time=in_time, most_filled=most_filled)
    return {processor.projection.key: Outcome(step)}


def step_together(
    processors: Sequence[Processor],
    opened: OpenTransaction,
    *,
    upto: Position,
    limit: int,
    clock: Callable[[], float] = time.monotonic,
) -> Outcomes:
    """Raises what ends the whole transaction: then nothing is committed."""
    try:
        return _step_together(processors, opened, upto=upto, limit=limit, clock=clock, in_parts=False)
    except Exception as error:
        if _ends_all(error):
            raise
    # whose fault it was shows where each has a part of its own, which costs two exchanges with the database each
    return _step_together(processors, opened, upto=upto, limit=limit, clock=clock, in_parts=True)


def _step_together(
    processors: Sequence[Processor],
    opened: OpenTransaction,
    *,
    upto: Position,
    limit: int,
    clock: Callable[[], float],
    in_parts: bool,
) -> Outcomes:
    """Without parts it raises what any of them raises."""
    with opened() as transaction:
        ready, outcomes = _ready(transaction, processors)
        if not ready:
            return outcomes
        events = transaction.events(after=ready[0][1].position, upto=upto, limit=limit)
        if not events:
            return {**outcomes, **_caught_up(ready)}
        grouped, position = ByMember.of(events), events[-1].position
        shares: dict[ProjectionKey, tuple[Share, Alone | None]] = {}
        for processor, checkpoint in ready:
            key, started = processor.projection.key, clock()
            try:
                with transaction.part() if in_parts else nullcontext():
                    share = processor.begin(transaction, checkpoint)
                    share.fold(grouped, position)
                    share.finish(position, len(events))
            except Exception as error:
                if not in_parts or _ends_all(error):
                    raise
                # alone, it fails again, and is then dealt with
                outcomes[key] = Outcome(None, Alone.FAILED)
                continue
            shares[key] = share, _slow(clock() - started, len(events))
    return {**outcomes, **{key: Outcome(share.committed(), slow) for key, (share, slow) in shares.items()}}


def _slow(seconds: float, events: int) -> Alone | None:
    return Alone.SLOW if seconds > max(SLOW_SECONDS, events * SLOW_SECONDS_AN_EVENT) else None


def wide_step_together(
    processors: Sequence[Processor],
    opened: OpenTransaction,
    *,
    upto: Position,
    limit: int,
    in_time: Callable[[], bool],
    most_filled: int = MOST_FILLED,
    beside: Beside = ALONE,
) -> Outcomes:
    """The same where all are far behind, some members here and some *beside*. Raises TooWide, and whatever a part
    raises."""
    with opened() as transaction:
        ready, outcomes = _ready(transaction, processors)
        if not ready:
            return outcomes
        after = ready[0][1].position
        fills = all(processor.fills(transaction, checkpoint) for processor, checkpoint in ready)
        if fills:
            transaction.fill()
        passed, position = transaction.passed(after=after, upto=upto, limit=most_filled if fills else limit)
        if not passed:
            return {**outcomes, **_caught_up(ready)}
        shares = [processor.begin(transaction, checkpoint, wide=True) for processor, checkpoint in ready]
        wanted = reduce(or_, [processor.wanted for processor, _ in ready])
        number = FILL_PARTS if fills else PARTS
        parts = Shared(transaction.divided(number, after=after, upto=position) if beside.is_there else ALL)
        step = WideStep([checkpoint for _, checkpoint in ready], position, fills)
        with (
            transaction.by_member(wanted, after=after, upto=position, among=parts) as pieces,
            beside.folding(step, parts) as others,
        ):
            for piece in in_time_only(pieces, in_time):
                piece.decoded = {}
                for share in shares:
                    share.fold(piece, position)
                _add(shares, others.folded())
            _add(shares, in_time_only(others.rest(), in_time))
        for share in shares:
            share.finish(position, passed)
    return {**outcomes, **{p.projection.key: Outcome(s.committed()) for (p, _), s in zip(ready, shares, strict=True)}}


def _add(shares: Sequence[Share], folded: Iterable[Folded | None]) -> None:
    for parts in folded:
        if parts is not None:
            for share, part in zip(shares, parts, strict=True):
                share.add(part)


_Ready = list[tuple[Processor, Checkpoint]]


def _ready(
    transaction: ProjectingTransaction, processors: Sequence[Processor]
) -> tuple[_Ready, dict[ProjectionKey, Outcome]]:
    """Those that go together, all from one position; and what is to be said of the others."""
    free = transaction.lock_free([processor.projection.key for processor in processors])
    ready: _Ready = []
    outcomes: dict[ProjectionKey, Outcome] = {}
    for processor in processors:
        key = processor.projection.key
        checkpoint = free.get(key)
        if checkpoint is None:
            outcomes[key] = Outcome(None, Alone.HELD)
        elif (reason := may_fold(processor.projection, checkpoint, processor.catalogue)) is not None:
            outcomes[key] = Outcome(Step(checkpoint.position, idle=reason))
        else:
            ready.append((processor, checkpoint))
    positions = Counter(checkpoint.position for _, checkpoint in ready)
    for processor, checkpoint in list(ready):
        if checkpoint.position != positions.most_common(1)[0][0]:
            ready.remove((processor, checkpoint))
            outcomes[processor.projection.key] = Outcome(None, Alone.STALE)
    return ready, outcomes


def _caught_up(ready: _Ready) -> Outcomes:
    return {
        processor.projection.key: Outcome(Step(checkpoint.position, idle=CAUGHT_UP)) for processor, checkpoint in ready
    }


def _ends_all(error: Exception) -> bool:
    """Whether it says nothing of the projection in whose part it was raised."""
    return isinstance(error, DatabaseUnavailable) or passes(error)
