"""Trigger mode: the database itself maintains the rows of `members`, in the transaction of each append.

Who maintains them is switched at an exact position: for a moment nobody appends, whoever maintained the rows is
brought to the head of the log, and from the next position on the other one does. Never both, and never nobody.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import CATALOGUE, Catalogue
from temple_ledger.domain.errors import Refused, SchemaMismatch, UnknownName
from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.database.canon import is_installed
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, passes_on
from temple_ledger.infrastructure.database.rollups import merge_rollups
from temple_ledger.infrastructure.database.session_settings import set_for_transaction
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import Blocker
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.feed.changes import reset
from temple_ledger.infrastructure.read_models.member_log.fold_members import members_touched
from temple_ledger.infrastructure.read_models.operations import record
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.members import members
from temple_ledger.projections.placing import placed_as
from temple_ledger.projections.processor import CAUGHT_UP, processor_of
from temple_ledger.projections.standing import NEEDS_REPLAY, may_fold

NAME: Final = members.name
PATIENCE_SECONDS: Final = 30.0
BATCH_ENDS: Final = "5s"
HOLD_UP: Final = "400ms"
"""How long appends wait for a switch that waits for an open transaction: then it lets them pass and tries again."""
FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 2.0
FEW_EVENTS: Final = 1_000
"""So many may be left to be folded while nobody appends."""
BATCH: Final = 10_000

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Switched:
    """Everything up to `position` was folded by one of them, everything after it is by the other."""

    position: Position
    events: int
    """By enable: folded while nobody appended. By disable: appended while the trigger was on."""
    again: bool = False
    """By disable: the trigger was gone, so a runner folds all that came since it was switched on."""


Switch = Callable[[Connection, Checkpoint], Switched]


@dataclass(frozen=True)
class TriggerStatus:
    """`since_position`, `since` and `events` are of the time that the trigger is on; None while it is off."""

    state: str
    enabled: bool
    since_position: Position | None
    since: datetime | None
    events: int | None
    parked: int
    current: bool
    version: int
    """Of `members`, which readers see, and whose functions the database has."""
    waiting: int | None = None
    """The version of this code, where that is another one: the functions come with the switch to it."""

    @property
    def on(self) -> bool:
        return self.state == ProjectionState.TRIGGER

    @property
    def problem(self) -> str | None:
        """Why the rows are not maintained as they should be; None when all is well."""
        if self.on and not self.enabled:
            return "nobody maintains the rows: somebody dropped or disabled the trigger; run: temple trigger disable"
        if self.enabled and not self.on:
            return "the trigger is there, and a runner maintains the rows too; drop the trigger"
        if not self.current and self.waiting is None:
            return "the functions in the database are not those of this code; run: temple db migrate"
        return None


def enable(
    database: Database,
    *,
    by: str,
    catalogue: Catalogue,
    reason: str | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Switched:
    """Raises Refused when no runner maintains `members` now, or when open transactions or too many events stand in the
    way for all of the patience."""
    deadline = time.monotonic() + patience_seconds

    def switch(connection: Connection, before: Checkpoint) -> Switched:
        _require_running(before)
        head = _head(connection)
        folded = _fold(connection, catalogue, upto=head)
        connection.execute(statement("trigger_create"))
        connection.execute(statement("trigger_always"))
        _place(connection, before, ProjectionState.TRIGGER, head, before.passed + folded)
        connection.execute(statement("trigger_open_period"), {"position": head})
        details = {"position": head, "folded": folded}
        record(connection, "trigger enable", NAME, by=by, reason=reason, details=details)
        return Switched(head, folded)

    with _owner(database) as connection:
        _require_version_of_readers(connection)
        if not is_installed(connection):
            raise SchemaMismatch("the SQL canon in the database is not that of this code; run: temple db migrate")
        _require_running(_checkpoint(connection, lock=False))
        _catch_up(database, catalogue, deadline)
        return _while_nobody_appends(connection, deadline, switch)


def disable(
    database: Database, *, by: str, reason: str | None = None, patience_seconds: float = PATIENCE_SECONDS
) -> Switched:
    """A runner goes on from here. Raises Refused when the trigger is not on, or as enable does."""
    deadline = time.monotonic() + patience_seconds
    with _owner(database) as connection:
        _require_version_of_readers(connection)
        there = _checkpoint(connection, lock=False)
        _require_trigger(there)
        # counted while appends go on, nearly to the end
        settled = settled_head(connection, after=there.position, patience_seconds=patience_seconds)
        counted = _count(connection, there.position, settled)

        def switch(connection: Connection, before: Checkpoint) -> Switched:
            _require_trigger(before)
            if not _fires(connection):
                return _take_back(connection, before, by, reason)
            head = _head(connection)
            if before.position == there.position:
                events = counted + _count(connection, settled, head)
            else:
                events = _count(connection, before.position, head)
            connection.execute(statement("trigger_disable"))
            merge_rollups(connection)
            _place(connection, before, ProjectionState.RUNNING, head, before.passed + events)
            connection.execute(statement("trigger_close_period"), {"position": head})
            # of no use to anybody who asks when an event was folded, but to whoever compares journal and log
            journaled = {**before.key.parameters, "position": head, "events": events}
            connection.execute(statement("journal_append"), journaled)
            connection.execute(statement("trigger_forget_members"))
            # nobody stepped through what came while the trigger was on
            reset(connection, placed_as(members, active=True), members_touched(connection, before.position, head), head)
            details = {"position": head, "events": events}
            record(connection, "trigger disable", NAME, by=by, reason=reason, details=details)
            return Switched(head, events)

        return _while_nobody_appends(connection, deadline, switch)


def _take_back(connection: Connection, before: Checkpoint, by: str, reason: str | None) -> Switched:
    """Since when nobody maintained the rows is unknown: what is folded twice counts as late, which does no harm."""
    merge_rollups(connection)
    _place(connection, before, ProjectionState.RUNNING, before.position, before.passed)
    connection.execute(statement("trigger_close_period"), {"position": before.position})
    connection.execute(statement("trigger_forget_members"))
    details = {"position": before.position, "events": 0, "the trigger was gone": True}
    record(connection, "trigger disable", NAME, by=by, reason=reason, details=details)
    return Switched(before.position, 0, again=True)


def trigger_status(connection: Connection) -> TriggerStatus:
    """Raises UnknownName where `members` has no checkpoint."""
    row = connection.execute(statement("trigger_status"), {"projection": NAME}).fetchone()
    if row is None:
        raise UnknownName("checkpoint of a projection", NAME)
    state, enabled, since_position, since, events, parked = row
    position = None if since_position is None else Position(since_position)
    version = _version_of_readers(connection)
    waiting = None if version == members.version else members.version
    return TriggerStatus(
        state, bool(enabled), position, since, events, parked, is_installed(connection), version, waiting
    )


def _version_of_readers(connection: Connection) -> int:
    versions = dict(connection.execute(statement("checkpoint_versions"), {"projection": NAME}).fetchall())
    return next((version for version, active in versions.items() if active), members.version)


def _require_version_of_readers(connection: Connection) -> None:
    """The trigger folds by the functions of the version that readers see, and its position is that one's."""
    version = _version_of_readers(connection)
    if version != members.version:
        raise Refused(
            f"readers see version {version} of {NAME}, and this release has version {members.version}: do it with the "
            f"release that has version {version}, or, where the trigger is off, run: temple projection switch {NAME} "
            f"--to {members.version} --apply"
        )


def _owner(database: Database) -> Connection:
    connection = database.connect(DatabaseRole.OWNER, application="temple trigger")
    # every statement has to see what was committed while the one before it waited
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    return connection


def _while_nobody_appends(connection: Connection, deadline: float, switch: Switch) -> Switched:
    """The checkpoint is held first, as by every batch and operation; then the log, not for long at a time."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            with connection.transaction():
                set_for_transaction(connection, "lock_timeout", BATCH_ENDS)
                before = _checkpoint(connection, lock=True)
                set_for_transaction(connection, "lock_timeout", HOLD_UP)
                connection.execute(statement("trigger_stop_appends"))
                return switch(connection, before)
        except psycopg.Error as error:
            if not passes_on(connection, error):
                raise
            if time.monotonic() + pause > deadline:
                raise Refused(
                    "the switch needs a moment in which nobody appends, and did not get one "
                    f"({_blockers(connection)}); nothing was changed, try again"
                ) from error
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _blockers(connection: Connection) -> str:
    found = [str(blocker) for blocker in starmap(Blocker, connection.execute(statement("log_writers")))]
    return f"open transactions: {', '.join(found[:5])}" if found else "the database was busy"


def _catch_up(database: Database, catalogue: Catalogue, deadline: float) -> None:
    """Leaves little to be folded while nobody appends. Beside a runner that folds the same, they take turns."""
    with database.connect(DatabaseRole.PROJECT, application="temple trigger") as connection:
        processor = processor_of(members, transactions(connection), catalogue=catalogue)
        reached = _checkpoint(connection, lock=False).position
        while (left := _count(connection, reached, _head(connection))) > FEW_EVENTS:
            if time.monotonic() > deadline:
                raise Refused(
                    f"{left:,} events have to be folded first, and more come as quickly; try again when it is quieter"
                )
            reached = processor.step(upto=settled_head(connection), limit=BATCH).position


def _fold(connection: Connection, catalogue: Catalogue, *, upto: Position) -> int:
    """How many events that were."""
    processor = processor_of(members, transactions(connection), catalogue=catalogue)
    folded = 0
    while (step := processor.step(upto=upto, limit=BATCH)).idle is None:
        folded += step.events
    if step.idle != CAUGHT_UP:
        raise Refused(f"{NAME} stands still ({step.idle})")
    return folded


def _checkpoint(connection: Connection, *, lock: bool) -> Checkpoint:
    """As it is stored: in trigger mode, with position and passed of the time before."""
    name = "checkpoint_lock" if lock else "checkpoint_stored"
    row = connection.execute(statement(name), members.key.parameters).fetchone()
    if row is None:
        raise UnknownName("checkpoint of a projection", NAME)
    version, position, epoch, passed, counted, state, *rest = row
    return Checkpoint(NAME, version, Position(position), epoch, passed, counted, ProjectionState(state), *rest)


def _place(connection: Connection, before: Checkpoint, state: ProjectionState, position: Position, passed: int) -> None:
    connection.execute(
        statement("checkpoint_replace"),
        {
            **before.key.parameters,
            "position": position,
            "passed": passed,
            "counted": before.counted,
            "state": state.value,
            "reads": None,
        },
    )


def _head(connection: Connection) -> Position:
    row = connection.execute(statement("log_head")).fetchone()
    return START if row is None else Position(row[0])


def _fires(connection: Connection) -> bool:
    row = connection.execute(statement("trigger_fires")).fetchone()
    return row is not None and bool(row[0])


def _count(connection: Connection, after: Position, upto: Position) -> int:
    row = connection.execute(statement("log_count"), {"after": after, "upto": upto}).fetchone()
    return 0 if row is None else int(row[0])


def _require_running(checkpoint: Checkpoint) -> None:
    if checkpoint.state is ProjectionState.TRIGGER:
        raise Refused(f"the trigger is on already, and maintains {NAME}")
    if checkpoint.split:
        raise Refused(f"{NAME} is split into lanes; first run: temple projection lanes {NAME} --join --apply")
    standing = may_fold(members, checkpoint, CATALOGUE)
    if standing is not None:
        todo = f"temple projection resume {NAME}"
        if standing == NEEDS_REPLAY:
            todo = f"temple replay {NAME} --apply"
        raise Refused(f"{NAME} stands still ({standing}), so its rows are not those of the log; run: {todo}")


def _require_trigger(checkpoint: Checkpoint) -> None:
    if checkpoint.state is not ProjectionState.TRIGGER:
        raise Refused(f"the trigger is off already, a runner maintains {NAME}")
