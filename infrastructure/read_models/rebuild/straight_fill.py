"""Tables that are empty are filled straight, while members are folded, in the transaction that puts all in place.

What goes to shadow tables first is written twice, and the second time one process works alone. Where nothing is stored
yet and nobody is to look at it first, there is nothing to compare with: the rows of each piece go where they are read.
Nobody sees one before all are there. The checkpoint is held meanwhile, so this is for logs that are folded in seconds,
and for rules of ours, of which that is certain. Ended before, it leaves nothing, and the next one begins anew.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.rebuild.apply import AppliedRebuild, conclude, count_log, reached
from temple_ledger.infrastructure.read_models.rebuild.compare import ShownDifference
from temple_ledger.infrastructure.read_models.rebuild.in_processes import A_PIECE_SECONDS
from temple_ledger.infrastructure.read_models.rebuild.piece_writer import HandedOver, LiveWriter
from temple_ledger.infrastructure.read_models.rebuild.progress import counted, ranges, require_same_left_out
from temple_ledger.infrastructure.read_models.runner.lease import somebody_leads
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed

MOST_POSITIONS: Final = 2_000_000
"""Of a log that is folded while the checkpoint is held: some eight seconds."""
ASK_SECONDS: Final = 2.0

Connection = psycopg.Connection[Any]


class StraightFill:
    """The open transaction: it holds the checkpoint. Closed without `apply`, it changes nothing."""

    def __init__(
        self,
        connection: Connection,
        projection: MemberProjection[Any],
        catalogue: Catalogue,
        checkpoint: Checkpoint,
        position: Position,
        claimed_by: int,
    ) -> None:
        self.connection = connection
        self._projection = projection
        self._catalogue = catalogue
        self._checkpoint = checkpoint
        self._position = position
        self._writer = LiveWriter(connection, projection, claimed_by)
        self._passed: int | None = None
        self._at_work = threading.Lock()
        self._received = time.monotonic()

    @classmethod
    def begun(
        cls,
        database: Database,
        projection: MemberProjection[Any],
        catalogue: Catalogue,
        position: Position,
        claimed_by: int,
    ) -> Self | None:
        """None where something is stored already, somebody else holds the checkpoint, or somebody follows the feed."""
        connection = database.connect(DatabaseRole.PROJECT, application="temple replay", autocommit=False)
        try:
            transaction = PostgresTransaction(connection)
            checkpoint = transaction.lock_free([projection.key]).get(projection.key)
            if checkpoint is not None and starts_from_nothing(checkpoint, position):
                projection = placed(projection, checkpoint)
                if not transaction.is_followed(projection.key) and transaction.holds_nothing(projection):
                    return cls(connection, projection, catalogue, checkpoint, position, claimed_by)
        except BaseException:
            connection.close()
            raise
        connection.close()
        return None

    def receive(self, piece: HandedOver) -> None:
        with self._at_work:
            self._count()
            self._writer.put(piece)
        self._received = time.monotonic()

    @contextmanager
    def awake(self) -> Iterator[None]:
        """For a block in which nobody asks here how far it is: the database ends transactions that are idle for long,
        and a piece may take long, where all of it is one member's. What stands still altogether is left to it."""
        ended = threading.Event()
        thread = threading.Thread(target=self._ask_until, args=(ended,), name="replay-awake")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _ask_until(self, ended: threading.Event) -> None:
        while not ended.wait(ASK_SECONDS) and time.monotonic() - self._received < A_PIECE_SECONDS:
            if self._at_work.acquire(blocking=False):
                try:
                    counted(self.connection, self._projection)
                except psycopg.Error:
                    # whoever writes next meets the same, and says so
                    return
                finally:
                    self._at_work.release()

    def _count(self) -> int:
        """How many events there are up to the position: counted with the first piece, while others are folded."""
        if self._passed is None:
            self._passed = count_log(self.connection, self._position)
        return self._passed

    def shown(self) -> ShownDifference:
        """Whoever gets rows is new."""
        there = counted(self.connection, self._projection)
        return ShownDifference(self._checkpoint.epoch, self._checkpoint.position, changes=there, new_members=there)

    def apply(self, *, by: str, reason: str | None) -> AppliedRebuild:
        transaction = PostgresTransaction(self.connection)
        require_same_left_out(self.connection, self._projection)
        upto = reached(self.connection, self._projection, self._position, self._checkpoint, beyond=False)
        passed = self._count() + count_log(self.connection, upto, after=self._position)
        changed = counted(self.connection, self._projection)
        # nobody follows the feed: who begins to, takes the checkpoint first
        conclude(
            transaction, self._projection, self._catalogue, self._checkpoint, upto, passed, changed, (), by, reason
        )
        # in the same transaction: marks of rows that are nowhere else would be believed by the next one
        self.connection.execute(statement("rebuild_forget"), self._projection.key.parameters)
        self.connection.commit()
        return AppliedRebuild(upto, changed)

    def close(self) -> None:
        self.connection.close()


def begun_straight(
    database: Database,
    claim: Connection,
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    checkpoint: Checkpoint,
    position: Position,
) -> StraightFill | None:
    """Of the rebuild that *claim* holds. None also where an earlier one has left rows beside the tables, or a runner is
    about to fold."""
    if (
        not starts_from_nothing(checkpoint, position)
        or any(part.done or part.done_user is not None for part in ranges(claim, projection.key))
        or a_runner_would_fold(claim, checkpoint)
    ):
        return None
    return StraightFill.begun(database, projection, catalogue, position, claim.info.backend_pid)


def starts_from_nothing(checkpoint: Checkpoint, position: Position) -> bool:
    """Whether nothing is folded yet, as far as the checkpoint says, and all of it would be soon."""
    return (
        checkpoint.furthest == START
        and not checkpoint.is_apart
        and checkpoint.state in (ProjectionState.RUNNING, ProjectionState.NEEDS_REPLAY)
        and position <= MOST_POSITIONS
    )


def a_runner_would_fold(connection: Connection, checkpoint: Checkpoint) -> bool:
    """Whether one is about to: it would be in the way, and the others of its projections behind."""
    return checkpoint.state is ProjectionState.RUNNING and somebody_leads(connection, checkpoint.key)
