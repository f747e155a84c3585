"""Members whose history is too long for a step: folded beside the steps, and put in place under the checkpoint's lock.

A step sets such a member aside, as it parks one: the rows stay, later events wait, everybody else goes on. Here the
member is folded from the log, page by page, over a connection of its own. What came meanwhile is added under the lock.
Where that takes the whole history once more, because an event came late again, it starts over.
"""

import threading
from collections.abc import Sequence
from typing import Any, Final

import psycopg
import structlog

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import events
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_log.fold_members import fold_long
from temple_ledger.infrastructure.read_models.runner.lanes import hold
from temple_ledger.infrastructure.read_models.runner.raising import Due, due_of, effects_of_long, raise_in_order
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction, read_checkpoints
from temple_ledger.projections.batch import event_changed, failure_of, without
from temple_ledger.projections.difference import Changes
from temple_ledger.projections.effects import EffectFollower
from temple_ledger.projections.fold import Fold, Folded
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed
from temple_ledger.projections.standing import may_fold

AGAIN_SECONDS: Final = 1.0
END_SECONDS: Final = 5.0
NEWER_EVENTS: Final = 20_000
"""So many that came meanwhile are added under the lock; where there are more, the fold starts over from there."""

log = structlog.get_logger("temple.runner")


class LongFolds:
    """Folds them in a thread, one after the other, for as long as the runner leads their projection."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue
        self._wanted: dict[str, MemberProjection[Any]] = {}
        self._folding: MemberProjection[Any] | None = None
        self._ending = threading.Event()
        self._asked = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def at_work(self) -> bool:
        """Whether somebody is still to be folded."""
        with self._asked:
            return bool(self._wanted) or self._folding is not None

    def want(self, projection: MemberProjection[Any]) -> None:
        """Folds those of this projection who are set aside now."""
        with self._asked:
            self._wanted[projection.name] = projection
            self._asked.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="long folds", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Returns when the thread has ended, at its next page; or when the database keeps it waiting for long."""
        self._ending.set()
        with self._asked:
            self._asked.notify()
        if self._thread is not None:
            self._thread.join(END_SECONDS)

    def _run(self) -> None:
        while not self._ending.is_set():
            with self._asked:
                self._asked.wait_for(lambda: self._wanted or self._ending.is_set())
                if self._ending.is_set():
                    return
                # whoever is set aside from now on is wanted anew
                name, projection = next(iter(self._wanted.items()))
                del self._wanted[name]
                self._folding = projection
            done = self._tried(projection)
            with self._asked:
                self._folding = None
                if not done:
                    self._wanted.setdefault(name, projection)
            if not done:
                self._ending.wait(AGAIN_SECONDS)

    def _tried(self, projection: MemberProjection[Any]) -> bool:
        try:
            return self._fold_all(projection)
        except _Ended:
            return False
        except (psycopg.Error, LedgerError) as error:
            log.warning("a long fold starts again", projection=projection.name, reason=type(error).__name__)
            return False

    def _fold_all(self, projection: MemberProjection[Any]) -> bool:
        """Whether nobody is left."""
        with self._database.connect(DatabaseRole.PROJECT, application="temple long folds") as connection:
            found = connection.execute(statement("failure_long"), projection.key.parameters).fetchall()
            if may_fold(projection, read_checkpoints(connection)[projection.key], self._catalogue) is not None:
                # paused, failed or of another version: it begins again when somebody leads it again
                return True
            done = [self._fold(connection, projection, user_id) for (user_id,) in found]
        return all(done)

    def _fold(self, connection: psycopg.Connection[Any], projection: MemberProjection[Any], user_id: str) -> bool:
        fold: Fold[Any] = Fold(projection, self._catalogue)
        upto = read_checkpoints(connection)[projection.key].position
        exceptions = read_exceptions(connection, projection.key)
        left_out = exceptions.left_out
        with self._database.connect(DatabaseRole.READ, application="temple long folds") as reading:
            folded = fold_long(reading, fold, user_id, upto, left_out=left_out, turn=self._turn)
            changed = PostgresTransaction(reading).changed([user_id], upto)
            due = due_of(reading, projection, user_id, exceptions.parked.get(user_id, upto))
            waited = None
            if due.starts and user_id in exceptions.parked and not changed:
                waited = effects_of_long(reading, fold, user_id, folded, due, upto, left_out, self._turn)
        if changed:
            values = {**projection.key.parameters, "user_id": user_id, "error": event_changed(changed[user_id])}
            connection.execute(statement("failure_changed"), values)
            return True
        done = finish_long(connection, fold, user_id, folded, upto, left_out, due, waited)
        if done:
            log.info("long fold done", projection=projection.name, user_id=user_id, position=upto)
        return done

    def _turn(self) -> None:
        if self._ending.is_set():
            raise _Ended


class _Ended(LedgerError):
    """The runner ends."""


def finish_long(
    connection: psycopg.Connection[Any],
    fold: Fold[Any],
    user_id: str,
    folded: Folded[Any],
    upto: Position,
    left_out: PositionSet,
    due: Due | None = None,
    waited: EffectFollower | None = None,
) -> bool:
    """Puts the member in place, folded up to *upto*, with what came since; False where it has to be folded again.

    *waited* has the effects of what was *due* of the member up to there; after a switch that is something else.
    """
    projection = fold.projection
    with connection.transaction():
        transaction = PostgresTransaction(connection)
        checkpoint = hold(transaction, projection, fold.catalogue)
        if may_fold(projection, checkpoint, fold.catalogue) is not None or checkpoint.position < upto:
            return False
        if transaction.exceptions(projection.key).left_out != left_out:
            return False
        if (user_id,) not in connection.execute(statement("failure_long"), projection.key.parameters).fetchall():
            # somebody else has folded it, or skipped what it waited for
            return True
        due_now = due_of(connection, projection, user_id, upto if due is None else due.since)
        if due is not None and due_now.starts != due.starts:
            return False
        newer = _newer_than(transaction, fold, user_id, folded, upto, checkpoint.position, left_out)
        now = None if newer is None else _extended(fold, folded, newer)
        if newer is None or now is None:
            return False
        if waited is not None:
            transaction.send(projection.key, waited)
        raise_in_order(transaction, fold, user_id, folded, due_now.starts, newer)
        _put(transaction, placed(projection, checkpoint), user_id, now)
        transaction.reset(placed(projection, checkpoint), [user_id], checkpoint.position)
        connection.execute(statement("checkpoint_raise_epoch"), checkpoint.key.parameters)
    return True


def _newer_than(
    transaction: PostgresTransaction,
    fold: Fold[Any],
    user_id: str,
    folded: Folded[Any],
    upto: Position,
    position: Position,
    left_out: PositionSet,
) -> Sequence[Recorded] | None:
    """None where there are too many."""
    if folded.parked_at is not None or position == upto:
        return ()
    newer = _newer_events(transaction.connection, fold, user_id, upto, position)
    return None if newer is None else without(left_out, newer)


def _extended(fold: Fold[Any], folded: Folded[Any], newer: Sequence[Recorded]) -> Folded[Any] | None:
    """None where one of the newer events is late, or cannot be folded."""
    if not newer:
        return folded
    now = fold.extend(folded.state, folded.frontier, newer)
    fits = now is not None and all(
        table.refuses_together(now.rows.get(table.name, ())) is None for table in fold.projection.tables
    )
    return now if fits else None


def _newer_events(
    connection: psycopg.Connection[Any], fold: Fold[Any], user_id: str, after: Position, upto: Position
) -> list[Recorded] | None:
    newer: list[Recorded] = []
    seen = 0
    while found := events(connection, after=after, upto=upto, limit=NEWER_EVENTS):
        seen += len(found)
        if seen > NEWER_EVENTS:
            return None
        newer += [each for each in found if each.user_id == user_id and fold.knows(each)]
        after = found[-1].position
    return newer


def _put(
    transaction: PostgresTransaction, projection: MemberProjection[Any], user_id: str, folded: Folded[Any]
) -> None:
    changes = Changes()
    changes.add_member(projection.tables, user_id, transaction.stored(projection, [user_id])[user_id].rows, folded.rows)
    transaction.write(projection.tables, changes)
    transaction.move_frontiers(projection.key, {user_id: folded.frontier})
    failure = failure_of(user_id, folded)
    failures = [] if failure is None else [failure]
    transaction.park(projection.key, failures)
    values = {**projection.key.parameters, "user_ids": [user_id]}
    still = [each.position for each in failures]
    transaction.connection.execute(statement("failure_delete_of_members"), {**values, "still": still})
    transaction.connection.execute(statement("failure_raised"), values)
