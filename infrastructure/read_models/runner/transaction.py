"""The transaction of a step, on PostgreSQL."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg

from temple_ledger.domain.errors import LedgerError, NotLeader, SchemaMismatch, StaleCheckpoint, UnknownName
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.session_settings import set_for_transaction
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import events
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_log.fold_members import histories
from temple_ledger.infrastructure.read_models.runner.second_connection import pieces_by_member
from temple_ledger.projections.batch import Exceptions, Failure, StoredRows
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.difference import Changes
from temple_ledger.projections.fold import Fold, Frontier
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.processor import ByMember, OpenTransaction, TooWide, Wanted
from temple_ledger.projections.tables import Table
from temple_ledger.projections.tally import Key

Connection = psycopg.Connection[Any]


class PostgresTransaction:
    """Works within a transaction that somebody else opened on *connection*.

    With *holder*, only while that runner holds the projection's lease. With *retracted*, as if exactly these positions
    were retracted: what a retraction would change is this transaction's fold compared with the rows. *reading* gives
    the connection on which a wide step reads.
    """

    def __init__(
        self,
        connection: Connection,
        holder: UUID | None = None,
        *,
        retracted: PositionSet | None = None,
        reading: Callable[[], Connection] | None = None,
    ) -> None:
        self.connection = connection
        self._reading = reading
        self._holder = holder
        self._retracted = retracted

    def lock_checkpoint(self, key: ProjectionKey) -> Checkpoint:
        row = self.connection.execute(statement("checkpoint_lock"), key.parameters).fetchone()
        if row is None:
            raise missing_checkpoint(self.connection, key)
        checkpoint = _checkpoint(key.name, *row)
        if self._holder is not None:
            self._require_lease(checkpoint.key, self._holder)
        if checkpoint.state is ProjectionState.TRIGGER:
            return replace(checkpoint, position=self._hold_appenders())
        return checkpoint

    def lock_free(self, keys: Sequence[ProjectionKey]) -> Mapping[ProjectionKey, Checkpoint]:
        wanted = {"projections": [key.name for key in keys], "versions": [key.version for key in keys]}
        rows = self.connection.execute(statement("checkpoint_lock_free"), wanted).fetchall()
        free = [_checkpoint(*row) for row in rows]
        if self._holder is not None:
            held = set(self.connection.execute(statement("lease_held"), {"holder": self._holder}))
            free = [checkpoint for checkpoint in free if checkpoint.key in held]
        return {checkpoint.key: checkpoint for checkpoint in free}

    def part(self) -> AbstractContextManager[Any]:
        return self.connection.transaction()

    def _hold_appenders(self) -> Position:
        """In trigger mode: no append is in the middle of a fold until the transaction ends; the head of the log."""
        self.connection.execute(statement("trigger_hold_appenders"))
        row = self.connection.execute(statement("log_head")).fetchone()
        return Position(row[0] if row else 0)

    def _require_lease(self, key: ProjectionKey, holder: UUID) -> None:
        row = self.connection.execute(statement("lease_holder"), key.parameters).fetchone()
        if row is None or row[0] != holder:
            by = "nobody" if row is None else row[1]
            raise NotLeader(f"projection {key.name} is led by {by} now")

    def exceptions(self, key: ProjectionKey) -> Exceptions:
        return read_exceptions(self.connection, key, retracted=self._retracted)

    def events(self, *, after: Position, upto: Position, limit: int) -> Sequence[Recorded]:
        return events(self.connection, after=after, upto=upto, limit=limit)

    def passed(self, *, after: Position, upto: Position, limit: int) -> tuple[int, Position]:
        values = {"after": after, "upto": upto, "limit": limit}
        row = self.connection.execute(statement("log_passed"), values).fetchone()
        return (0, after) if row is None else (row[0], Position(row[1]))

    def by_member(
        self, wanted: Wanted, *, after: Position, upto: Position
    ) -> AbstractContextManager[Iterator[ByMember]]:
        if self._reading is None:
            raise TooWide("there is no second connection to read on")
        return pieces_by_member(self._reading(), wanted, after=after, upto=upto)

    def stored(self, projection: MemberProjection[Any], user_ids: Sequence[str]) -> Mapping[str, StoredRows]:
        rows = tables.rows_of_members(self.connection, projection.tables, user_ids)
        frontiers = self._frontiers(projection.key, user_ids)
        return {user_id: StoredRows(found, frontiers.get(user_id)) for user_id, found in rows.items()}

    def _frontiers(self, key: ProjectionKey, user_ids: Sequence[str]) -> Mapping[str, Frontier]:
        found = self.connection.execute(
            statement("frontier_read"), {**key.parameters, "user_ids": list(user_ids)}, binary=True
        )
        return {user_id: Frontier(occurred_at, Position(position)) for user_id, occurred_at, position in found}

    def histories(
        self, fold: Fold[Any], user_ids: Sequence[str], upto: Position
    ) -> Iterator[tuple[str, Sequence[Recorded] | None]]:
        return histories(self.connection, fold, user_ids, upto, retracted=self._retracted)

    def write(self, declared: Sequence[Table], changes: Changes) -> None:
        for table in declared:
            tables.delete(self.connection, table, changes.deletes.get(table.name, ()))
            tables.upsert(self.connection, table, changes.upserts.get(table.name, ()))

    def move_frontiers(self, key: ProjectionKey, frontiers: Mapping[str, Frontier | None]) -> None:
        moved = [(user_id, *place) for user_id, place in frontiers.items() if place is not None]
        if moved:
            user_ids, occurred_at, positions = zip(*moved, strict=True)
            self.connection.execute(
                statement("frontier_write"),
                {
                    **key.parameters,
                    "user_ids": list(user_ids),
                    "occurred_at": list(occurred_at),
                    "positions": list(positions),
                },
            )
        gone = [user_id for user_id, place in frontiers.items() if place is None]
        if gone:
            self.connection.execute(statement("frontier_delete"), {**key.parameters, "user_ids": gone})

    def add(self, table: Table, increments: Mapping[Key, int]) -> None:
        tables.add(self.connection, table, increments)

    def park(self, key: ProjectionKey, failures: Sequence[Failure]) -> None:
        if failures:
            positions, user_ids, errors, kinds, frames = zip(*failures, strict=True)
            self.connection.execute(
                statement("failure_write"),
                {
                    **key.parameters,
                    "positions": list(positions),
                    "user_ids": list(user_ids),
                    "errors": list(errors),
                    "kinds": list(kinds),
                    "frames": list(frames),
                },
            )

    def advance(self, before: Checkpoint, *, to: Position, passed: int, counted: int = 0) -> None:
        row = self.connection.execute(
            statement("checkpoint_advance"),
            {
                **before.key.parameters,
                "position": before.position,
                "epoch": before.epoch,
                "to": to,
                "passed": passed,
                "counted": counted,
            },
        ).fetchone()
        if row != (1,):
            raise StaleCheckpoint(
                f"the checkpoint of {before.projection} was moved by somebody else; nothing was stored"
            )


def transactions(
    connection: Connection, holder: UUID | None = None, reading: Callable[[], Connection] | None = None
) -> OpenTransaction:
    """Opens one transaction after the other on one autocommit connection; wide steps read on the one of *reading*.

    The steps of a *holder*, a runner, do not wait for the disk: rows and checkpoint are one commit, and what a crash of
    the server takes away is folded again from the log, which does wait. Whoever passes on what they read there waits
    by `log.durable`.
    """

    @contextmanager
    def opened() -> Iterator[PostgresTransaction]:
        with connection.transaction():
            if holder is not None:
                set_for_transaction(connection, "synchronous_commit", "off")
            yield PostgresTransaction(connection, holder, reading=reading)

    def open_transaction() -> AbstractContextManager[PostgresTransaction]:
        return opened()

    return open_transaction


def missing_checkpoint(connection: Connection, key: ProjectionKey) -> LedgerError:
    """Why there is none: nobody has made it yet, or it is of a version that is gone."""
    there = sorted(version for name, version in read_checkpoints(connection) if name == key.name)
    if not there:
        return UnknownName("checkpoint of a projection", key.name)
    has = f"this ledger has version {', '.join(map(str, there))} of {key.name}, this installation has {key.version}"
    if key.version > there[-1]:
        return SchemaMismatch(f"{has}; run: temple db migrate")
    return SchemaMismatch(f"{has}: it is older than the ledger; update it")


def _checkpoint(
    name: str, version: int, position: int, epoch: int, passed: int, counted: int, state: str, *rest: Any
) -> Checkpoint:
    return Checkpoint(name, version, Position(position), epoch, passed, counted, ProjectionState(state), *rest)


def read_checkpoints(connection: Connection) -> Mapping[ProjectionKey, Checkpoint]:
    """Every version's of every projection, without holding anything."""
    return {
        ProjectionKey(name, version): Checkpoint(
            name, version, Position(position), epoch, passed, counted, ProjectionState(state), *rest
        )
        for name, version, position, epoch, passed, counted, state, *rest in connection.execute(
            statement("checkpoint_read")
        )
    }
