"""How far a replay goes where a runner folds the same projection: what is not folded yet is no difference, and its
effects are the runner's to raise."""

import time
from collections.abc import Callable
from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.read_models.runner.lease import somebody_leads
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.standing import NEEDS_REPLAY, may_fold

STANDS_STILL_SECONDS: Final = 5.0
LOOK_AGAIN_SECONDS: Final = 0.5

Connection = psycopg.Connection[Any]


def how_far(
    connection: Connection,
    projection: Projection,
    checkpoint: Checkpoint,
    catalogue: Catalogue,
    most: Position | None,
) -> Position | None:
    """No further than the projection stands; None is all of the log.

    That is so, too, where no runner goes on from these rows, where nobody has begun, and where one is at work: the
    comparison waits for that one, and what it folded meanwhile would be folded again under the lock.
    """
    if checkpoint.furthest == START or checkpoint.state is ProjectionState.TRIGGER:
        return most
    why_not = may_fold(projection, checkpoint, catalogue)
    if why_not == NEEDS_REPLAY or (why_not is None and somebody_leads(connection, checkpoint.key)):
        return most
    return checkpoint.position if most is None else min(most, checkpoint.position)


def let_the_runner_catch_up(
    read: Callable[[], Checkpoint],
    connection: Connection,
    projection: Projection,
    catalogue: Catalogue,
    position: Position,
) -> None:
    """Until it is at *position*, as long as it gets on."""
    before, since = START, time.monotonic()
    while time.monotonic() < since + STANDS_STILL_SECONDS:
        checkpoint = read()
        if (
            checkpoint.position >= position
            or may_fold(projection, checkpoint, catalogue) is not None
            or not somebody_leads(connection, checkpoint.key)
        ):
            return
        if checkpoint.position > before:
            before, since = checkpoint.position, time.monotonic()
        time.sleep(LOOK_AGAIN_SECONDS)
