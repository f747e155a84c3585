"""The transaction of a step, on PostgreSQL."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from temple_ledger.domain.errors import LanesApart, LedgerError, NotLeader, SchemaMismatch, StaleCheckpoint
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.known_events import passed_by_lanes
from temple_ledger.infrastructure.database.session_settings import set_for_transaction
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import events, events_of_lanes
from temple_ledger.infrastructure.read_models.feed.changes import is_followed, reset, store_changes
from temple_ledger.infrastructure.read_models.feed.outbox import send
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_log.fold_members import histories
from temple_ledger.infrastructure.read_models.runner import step_rows
from temple_ledger.infrastructure.read_models.runner.journal import close_journal
from temple_ledger.infrastructure.read_models.runner.special_events import effect_starts, special_events
from temple_ledger.infrastructure.read_models.runner.wide_connections import (
    WideConnections,
    divided,
    passed,
    pieces_by_member,
)
from temple_ledger.infrastructure.read_models.runner.write_behind import Write, at_once, write_behind
from temple_ledger.projections.batch import Exceptions, Failure, StoredRows
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.difference import EMPTY, Changes
from temple_ledger.projections.effects import EffectFollower, Special
from temple_ledger.projections.feed import StoredChange
from temple_ledger.projections.fold import Fold, Frontier
from temple_ledger.projections.grouped import ByMember
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import LANES
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.processor import TooWide
from temple_ledger.projections.projecting import EVERYBODY, Among, Names, OpenTransaction, PassedOf, Sums, Wanted
from temple_ledger.projections.tables import Table

Connection = psycopg.Connection[Any]


class PostgresTransaction:
    """Works within a transaction that somebody else opened on *connection*.

    With *holder*, only while that runner holds the projection's lease. With *retracted*, as if exactly these positions
    were retracted: what a retraction would change is this transaction's fold compared with the rows. *wide* has the
    connections on which a wide step reads.
    """

    def __init__(
        self,
        connection: Connection,
        holder: UUID | None = None,
        *,
        retracted: PositionSet | None = None,
        wide: WideConnections | None = None,
    ) -> None:
        self.connection = connection
        self._rows = connection
        """Of members who have no row that this transaction has written."""
        self._wide = wide
        self._behind: Callable[[Write], None] = at_once
        self._fills = False
        self._holder = holder
        self._retracted = retracted
        self._has_lost: bool | None = None

    def lock_checkpoint(self, key: ProjectionKey, *, apart: bool = False) -> Checkpoint:
        row = self.connection.execute(statement("checkpoint_lock"), key.parameters).fetchone()
        if row is None:
            raise missing_checkpoint(self.connection, key)
        checkpoint = _checkpoint(key.name, *row)
        if checkpoint.split:
            self.connection.execute(statement("lane_exclude"), key.parameters)
            checkpoint = with_lanes(self.connection, checkpoint)
            if checkpoint.is_apart and not apart:
                raise LanesApart(
                    f"the lanes of {checkpoint.label} stand apart, and only a process with its code brings them "
                    "together; let runners catch up with all of them, then do it again"
                )
        if self._holder is not None:
            self._require_lease(checkpoint, self._holder)
        if checkpoint.state is ProjectionState.TRIGGER:
            return replace(checkpoint, position=self._hold_appenders())
        return checkpoint

    def lock_free(self, keys: Sequence[ProjectionKey]) -> Mapping[ProjectionKey, Checkpoint]:
        wanted = {"projections": [key.name for key in keys], "versions": [key.version for key in keys]}
        rows = self.connection.execute(statement("checkpoint_lock_free"), wanted).fetchall()
        free = [_checkpoint(*row) for *row, is_held in rows if is_held]
        if self._holder is None:
            free = [with_lanes(self.connection, each) if each.split else each for each in free]
        else:
            free = list(self._led_of(free, self._holder))
        # lanes that stand apart have steps of their own
        return {each.key: each for each in free if not each.is_apart}

    def _led_of(self, checkpoints: Sequence[Checkpoint], holder: UUID) -> Iterator[Checkpoint]:
        """Those that the holder leads as a whole, with their lanes."""
        found = self.connection.execute(statement("lease_held"), {"holder": holder})
        led = {ProjectionKey(name, version): rest for name, version, *rest in found}
        for checkpoint in checkpoints:
            leases, positions, passed = led.get(checkpoint.key, (0, None, None))
            if leases == _leases_of(checkpoint):
                yield _standing(checkpoint, positions, passed) if checkpoint.split else checkpoint

    def lock_lanes(self, key: ProjectionKey, lanes: Collection[int]) -> tuple[Checkpoint, Position | None]:
        if self.connection.execute(statement("lane_share"), key.parameters).fetchone() != (True,):
            raise psycopg.errors.LockNotAvailable("an operation holds the projection")
        values = {**key.parameters, "lanes": sorted(lanes)}
        held = dict(self.connection.execute(statement("lane_lock"), values).fetchall())
        asked = {**key.parameters, "holder": self._holder, "first": min(held, default="")}
        ((led,),) = self.connection.execute(statement("lane_led"), asked).fetchall()
        row = self.connection.execute(statement("checkpoint_stored"), key.parameters).fetchone()
        if row is None:
            raise missing_checkpoint(self.connection, key)
        checkpoint = _checkpoint(key.name, *row)
        ours = {lane: max(Position(held[lane]), checkpoint.position) for lane in led if lane in held}
        if not ours:
            if held or not set(lanes) & set(led):
                raise NotLeader(f"other runners lead the lanes of {key.name} now")
            raise psycopg.errors.LockNotAvailable("its lanes are held")
        least = min(ours.values())
        unit = tuple(sorted(lane for lane, position in ours.items() if position == least))
        next_one = min((position for position in ours.values() if position > least), default=None)
        return replace(checkpoint, position=least, unit=unit), next_one

    def gather(self, checkpoint: Checkpoint, passed: int) -> Checkpoint:
        position, passed = checkpoint.furthest, checkpoint.passed + passed
        values = {**checkpoint.key.parameters, "position": position, "passed": passed}
        self.connection.execute(statement("checkpoint_recount"), values)
        close_journal(self.connection, checkpoint.key, position)
        return replace(checkpoint, position=position, passed=passed, lanes=(position,) * len(checkpoint.lanes))

    def part(self) -> AbstractContextManager[Any]:
        return self.connection.transaction()

    def _hold_appenders(self) -> Position:
        """In trigger mode: no append is in the middle of a fold until the transaction ends; the head of the log."""
        self.connection.execute(statement("trigger_hold_appenders"))
        row = self.connection.execute(statement("log_head")).fetchone()
        return Position(row[0] if row else 0)

    def _require_lease(self, checkpoint: Checkpoint, holder: UUID) -> None:
        values = {**checkpoint.key.parameters, "holder": holder}
        row = self.connection.execute(statement("lease_holder"), values).fetchone()
        if row is None or row[0] != _leases_of(checkpoint):
            by = "nobody" if row is None or row[1] is None else row[1]
            raise NotLeader(f"projection {checkpoint.projection} is led by {by} now")

    def exceptions(self, key: ProjectionKey) -> Exceptions:
        return read_exceptions(self.connection, key, retracted=self._retracted)

    def events(
        self,
        *,
        after: Position,
        upto: Position,
        limit: int,
        lanes: Sequence[int] = (),
        payloads: bool = True,
    ) -> Sequence[Recorded]:
        if lanes:
            return events_of_lanes(self.connection, after, upto, limit, lanes)
        return events(self.connection, after=after, upto=upto, limit=limit, payloads=payloads)

    def passed(self, *, after: Position, upto: Position, limit: int) -> tuple[int, Position]:
        return passed(self.connection, after, upto, limit)

    def divided(self, parts: int, *, after: Position, upto: Position) -> Sequence[Among]:
        return divided(self.connection, parts, after, upto)

    def passed_of(
        self, lanes: Sequence[int], *, after: Position, upto: Position, limit: int, without: Names = frozenset()
    ) -> PassedOf:
        values = {"after": after, "upto": upto, "limit": limit, "lanes": list(lanes)}
        ((ours, to, read),) = self.connection.execute(passed_by_lanes(without), values).fetchall()
        return ours, Position(to), read

    @contextmanager
    def by_member(
        self,
        wanted: Wanted,
        *,
        after: Position,
        upto: Position,
        lanes: Sequence[int] = (),
        among: Iterable[Among] = (EVERYBODY,),
    ) -> Iterator[Iterator[ByMember]]:
        """Within the block, rows are written on a thread, and read on a connection that does not wait for it.

        The checkpoint or the lanes are locked, so nobody else writes them; and the members of two pieces are different.
        """
        if self._wide is None:
            raise TooWide("there is no other connection to read on")
        log = self._wide.log()
        with pieces_by_member(log, wanted, after=after, upto=upto, lanes=lanes, among=among) as pieces:
            with write_behind() as self._behind:
                self._rows = self._wide.rows()
                try:
                    yield pieces
                finally:
                    self._rows = self.connection
            self._behind = at_once

    def holds_nothing(self, projection: MemberProjection[Any]) -> bool:
        return step_rows.holds_nothing(self.connection, projection)

    def fill(self) -> None:
        self._fills = True

    def stored(self, projection: MemberProjection[Any], user_ids: Sequence[str]) -> Mapping[str, StoredRows]:
        if self._fills:
            return dict.fromkeys(user_ids, StoredRows(EMPTY, None))
        rows = tables.rows_of_members(self._rows, projection.tables, user_ids)
        frontiers = self._frontiers(projection.key, user_ids)
        return {user_id: StoredRows(found, frontiers.get(user_id)) for user_id, found in rows.items()}

    def _frontiers(self, key: ProjectionKey, user_ids: Sequence[str]) -> Mapping[str, Frontier]:
        values = {**key.parameters, "user_ids": list(user_ids)}
        found = self._rows.execute(statement("frontier_read"), values, binary=True)
        return {user_id: Frontier(occurred_at, Position(position)) for user_id, occurred_at, position in found}

    def histories(
        self, fold: Fold[Any], user_ids: Sequence[str], upto: Position
    ) -> Iterator[tuple[str, Sequence[Recorded] | None]]:
        return histories(self._rows, fold, user_ids, upto, retracted=self._retracted)

    def changed(self, user_ids: Sequence[str], upto: Position) -> Mapping[str, Position]:
        values = {"user_ids": list(user_ids), "upto": upto}
        return dict(self.connection.execute(statement("seal_changed_of"), values, prepare=True).fetchall())

    def has_lost(self) -> bool:
        if self._has_lost is None:
            self._has_lost = self.connection.execute(statement("seal_has_lost")).fetchone() == (True,)
        return self._has_lost

    def put(self, projection: MemberProjection[Any], written: Sequence[step_rows.WrittenMembers]) -> None:
        for some in written:
            self._behind(partial(step_rows.write_members, self.connection, projection, some))

    def write(self, declared: Sequence[Table], changes: Changes) -> None:
        wide = self._rows is not self.connection
        for table, (new, changed, gone) in zip(declared, map(changes.of, declared), strict=True):
            if wide:
                self._behind(partial(step_rows.write_rows, self.connection, table, new, changed, gone))
            else:
                tables.write(self.connection, table, [*new, *changed], gone)

    def move_frontiers(self, key: ProjectionKey, frontiers: Mapping[str, Frontier | None]) -> None:
        moved = step_rows.new_frontiers(key, frontiers) if self._fills else frontiers
        self._behind(partial(step_rows.put_frontiers, self.connection, key, moved))

    def add(self, table: Table, increments: Sums) -> None:
        step_rows.add_counts(self.connection, table, increments)

    def park(self, key: ProjectionKey, failures: Sequence[Failure]) -> None:
        if failures:
            self._behind(partial(step_rows.write_failures, self.connection, key, failures))

    def effect_starts(self, key: ProjectionKey) -> Mapping[str, Position]:
        return effect_starts(self.connection, key)

    def special_events(
        self, *, after: Position, upto: Position, older_than: timedelta, positions: Sequence[Position] | None = None
    ) -> Mapping[Position, Special]:
        return special_events(self.connection, after, upto, older_than, positions)

    def is_followed(self, key: ProjectionKey) -> bool:
        return is_followed(self.connection, key)

    def store_changes(self, key: ProjectionKey, changes: Sequence[StoredChange]) -> None:
        store_changes(self.connection, key, changes)

    def reset(self, projection: MemberProjection[Any], user_ids: Sequence[str], at: Position) -> None:
        reset(self.connection, projection, user_ids, at)

    def send(self, key: ProjectionKey, follower: EffectFollower) -> None:
        send(self.connection, key, follower)

    def advance(
        self, before: Checkpoint, *, to: Position, passed: int, counted: int = 0, reads: str | None = None
    ) -> None:
        values = {
            **before.key.parameters,
            "position": before.position,
            "epoch": before.epoch,
            "to": to,
            "passed": passed,
        }
        if before.unit:
            more = {"lanes": list(before.unit), "first": before.unit[0]}
            row = self.connection.execute(statement("lane_advance"), {**values, **more}).fetchone()
        else:
            more = {"counted": counted, "reads": reads}
            row = self.connection.execute(statement("checkpoint_advance"), {**values, **more}).fetchone()
        if row != (max(1, len(before.unit)),):
            raise StaleCheckpoint(
                f"the checkpoint of {before.projection} was moved by somebody else; nothing was stored"
            )


def transactions(
    connection: Connection, holder: UUID | None = None, wide: WideConnections | None = None
) -> OpenTransaction:
    """Opens one transaction after the other on one autocommit connection; wide steps read on those of *wide*.

    The steps of a *holder*, a runner, do not wait for the disk: rows and checkpoint are one commit, and what a crash of
    the server takes away is folded again from the log, which does wait. Whoever passes on what they read there waits
    by `log.durable`.
    """

    @contextmanager
    def opened() -> Iterator[PostgresTransaction]:
        with connection.transaction():
            if holder is not None:
                set_for_transaction(connection, "synchronous_commit", "off")
            yield PostgresTransaction(connection, holder, wide=wide)

    def open_transaction() -> AbstractContextManager[PostgresTransaction]:
        return opened()

    return open_transaction


def missing_checkpoint(connection: Connection, key: ProjectionKey) -> LedgerError:
    """Why there is none: nobody has made it yet, or it is of a version that is gone."""
    there = sorted(version for name, version in read_checkpoints(connection) if name == key.name)
    if not there:
        return SchemaMismatch(f"{key} is installed, and has no tables yet; run: temple db migrate")
    has = f"this ledger has version {', '.join(map(str, there))} of {key.name}, this installation has {key.version}"
    if key.version > there[-1]:
        return SchemaMismatch(f"{has}; run: temple db migrate")
    return SchemaMismatch(f"{has}: it is older than the ledger; update it")


def with_lanes(connection: Connection, checkpoint: Checkpoint) -> Checkpoint:
    """To whoever excludes the steps of its lanes: where they stand, and what they passed too."""
    found = connection.execute(statement("lane_read"), checkpoint.key.parameters).fetchall()
    return _standing(checkpoint, [position for position, _ in found], sum(passed for _, passed in found))


def _standing(checkpoint: Checkpoint, positions: Sequence[int], passed: int) -> Checkpoint:
    lanes = tuple(max(checkpoint.position, Position(position)) for position in positions)
    return replace(checkpoint, lanes=lanes, passed=checkpoint.passed + passed)


def _leases_of(checkpoint: Checkpoint) -> int:
    """How many a runner holds that leads all of it."""
    return LANES if checkpoint.split else 1


def _checkpoint(
    name: str, version: int, position: int, epoch: int, passed: int, counted: int, state: str, *rest: Any
) -> Checkpoint:
    return Checkpoint(name, version, Position(position), epoch, passed, counted, ProjectionState(state), *rest)


def read_checkpoints(connection: Connection) -> Mapping[ProjectionKey, Checkpoint]:
    """Every version's of every projection, without holding anything."""
    return {
        ProjectionKey(name, version): replace(
            _checkpoint(name, version, *rest), lanes=tuple(map(Position, lanes or ()))
        )
        for name, version, *rest, lanes in connection.execute(statement("checkpoint_read"))
    }
