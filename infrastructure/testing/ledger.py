"""Given a history, when something happens, then these rows: on a real database, through the real runner's steps.

    ledger.given(joined("ada"), role_added("ada", "Oracle"))
    ledger.when(left("ada"))
    ledger.then_roles("ada", [])
    ledger.then_status("ada", "departed")

Each `then` folds what was appended in batches of the ledger's size, and demands that a full verify finds nothing: what
was folded live equals the fold of the whole log. Whatever is wrong is an AssertionError that says what was expected and
what was found, or where in the rule's code it failed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import EventConflict
from temple_ledger.domain.event import Event
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.rollups import rollup_rows
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.database.table_queries import stored_counts
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.feed.outbox import entries
from temple_ledger.infrastructure.read_models.operations import parked
from temple_ledger.infrastructure.read_models.runner.transaction import (
    PostgresTransaction,
    read_checkpoints,
    transactions,
)
from temple_ledger.infrastructure.read_models.verification.full import verify_each
from temple_ledger.infrastructure.read_models.verification.result import Verified
from temple_ledger.projections.author import catalogue_or_installed
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.difference import named
from temple_ledger.projections.effect import Message
from temple_ledger.projections.failure import FoldFailure, failure_of
from temple_ledger.projections.fold import Fold, Folded
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import ROLES, STATUS, members
from temple_ledger.projections.placing import placed
from temple_ledger.projections.processor import CAUGHT_UP, Projection, Step, processor_of
from temple_ledger.projections.rollup import Rollup, table_of_rollup
from temple_ledger.projections.row import Row as RowOfFields
from temple_ledger.projections.tables import Row, Table
from temple_ledger.projections.tally import Key, Tally
from temple_ledger.projections.testing.comparison import (
    at_fault,
    declared_table,
    require_messages,
    require_rows,
    require_same,
)
from temple_ledger.projections.testing.every_way import require_one_result
from temple_ledger.projections.testing.given_log import entry_of_given

LAST: Final = Position(2**63 - 1)


class LedgerScenario:
    """A ledger of one test. `batch` is how many events are folded together at most.

    *catalogue*: by default the events that are built in or installed, and those that the projections have rules for.
    *migrated*: the database has the tables of *projections* already.
    """

    def __init__(
        self,
        database: Database,
        *,
        projections: Sequence[Projection] = BUILT_IN,
        batch: int = 1_000,
        catalogue: Catalogue | None = None,
        migrated: bool = False,
    ) -> None:
        self.database = database
        self.projections = projections
        self.batch = batch
        self.catalogue = catalogue_or_installed(catalogue).with_models(_models(projections))
        self._before_when: Position | None = None
        self._parked: set[tuple[str, Position]] = set()
        if not migrated and any(each not in BUILT_IN for each in projections):
            bring_up_to_date(database, projections)

    def given(self, *events: Event | LogEntry) -> Sequence[Position]:
        """Appends events, or rows as an older version of one stored them (`stored_row`); their positions."""
        return self.append(entry_of_given(each, uuid4(), self.catalogue) for each in events)

    def when(self, *events: Event | LogEntry) -> Sequence[Position]:
        """The same, for what the test is about: `then_nothing_changed` compares with what was before."""
        with self.database.connect(DatabaseRole.PROJECT) as connection:
            self._before_when = settled_head(connection)
        return self.given(*events)

    def append(self, entries: Iterable[LogEntry]) -> Sequence[Position]:
        with LogAppender(self.database) as appender:
            outcomes = appender.append_many(list(entries))
        conflicts = [outcome for outcome in outcomes if isinstance(outcome, EventConflict)]
        if conflicts:
            raise conflicts[0]
        return [outcome.position for outcome in outcomes]

    def catch_up(self) -> Mapping[str, Step]:
        """Folds all that is in the log, with new processors, as after a restart; the last step of each projection."""
        with self.database.connect(DatabaseRole.PROJECT) as connection:
            upto = settled_head(connection)
            last: dict[str, Step] = {}
            for projection in self.projections:
                processor = processor_of(projection, transactions(connection), catalogue=self.catalogue)
                while (step := processor.step(upto=upto, limit=self.batch)).idle is None:
                    last[projection.name] = step
                last.setdefault(projection.name, step)
                assert step.idle in (CAUGHT_UP, ProjectionState.TRIGGER), f"{projection.name} stands still: {step.idle}"
            return last

    def rows(self, projection: MemberProjection[Any], table: str, user_id: str) -> list[Row]:
        """As they are stored, without user_id and stamp."""
        with self.database.connect(DatabaseRole.READ) as connection:
            there = placed(projection, read_checkpoints(connection)[projection.key])
            declared = declared_table(there.tables, table, projection.name)
            found = connection.execute(tables.read_statement(declared), {"user_ids": [user_id]})
            return [tuple(row) for _, *row in found]

    def then_rows(self, projection: MemberProjection[Any], table: str, user_id: str, expected: Sequence[Row]) -> None:
        """In any order. Of a parked member those before the event that parked it, once `then_parked` has said which.

        The member's history is also folded in every way that must not matter, as a Specification folds it.
        """
        declared = declared_table(projection.tables, table, projection.name)
        self._fold_and_verify()
        self._require_one_result(projection, user_id)
        require_rows(declared, user_id, expected, self.rows(projection, table, user_id))

    def then_row(self, projection: MemberProjection[Any], user_id: str, expected: RowOfFields) -> None:
        """The member's one row, of a projection in the short form."""
        row: Any = expected
        self.then_rows(projection, expected.table_name, user_id, [row])

    def then_counts(self, tally: Tally, expected: Mapping[Key, int]) -> None:
        """The number of each key; a key that is absent is zero."""
        self._fold_and_verify()
        with self.database.connect(DatabaseRole.READ) as connection:
            found = stored_counts(connection, placed(tally, read_checkpoints(connection)[tally.key]).table)
        sides = ([(*key, number) for key, number in side.items() if number] for side in (expected, found))
        require_rows(tally.table, tally.name, *sides)

    def then_rollup(self, rollup: Rollup, expected: Sequence[Row]) -> None:
        """Its rows, keys and values, in any order; that they are the group-by of their source is verified too."""
        self._fold_and_verify()
        with self.database.connect(DatabaseRole.READ) as connection:
            found = rollup_rows(connection, rollup)
        require_rows(self._table_of(rollup), f"projection {rollup.projection}", expected, found)

    def then_sent(self, projection: MemberProjection[Any], effect: str, expected: Sequence[Message]) -> None:
        """What the effect sends, in the order of the positions, delivered or not; raises where a function raised."""
        if effect not in projection.effects:
            raise AssertionError(f"{projection.name} has no effect {effect!r}; it has {', '.join(projection.effects)}")
        self._fold_and_verify()
        with self.database.connect(DatabaseRole.READ) as connection:
            stored = entries(connection, projection=projection.name)
        found = sorted(
            (each for each in stored if each.effect == effect), key=lambda each: (each.position, each.number)
        )
        for each in found:
            if each.error is not None and each.sink is None:
                raise AssertionError(
                    f"{effect} raised at position {each.position}: {each.error}\n{each.frames or ''}".rstrip()
                )
        require_messages(effect, expected, [(each.sink, each.type, each.data) for each in found])

    def then_nothing_changed(self, projection: MemberProjection[Any], user_id: str) -> None:
        """The last `when` changed no row of the member."""
        if self._before_when is None:
            raise AssertionError("nothing happened that could change anything: give it with when(...)")
        self._fold_and_verify()
        self._require_one_result(projection, user_id)
        before = self._folded(projection, user_id, self._before_when)[1].rows
        after = {table.name: self.rows(projection, table.name, user_id) for table in projection.tables}
        require_same(projection.tables, before, after, f"rows of {user_id} changed")

    def then_parked(
        self, projection: MemberProjection[Any], user_id: str, position: Position, reason: str = ""
    ) -> None:
        """The event at *position* parks the member; *reason* is part of why. `then_rows` has the rows before it."""
        self._fold_and_verify()
        found = self._failure(projection, user_id)
        if found is None:
            raise AssertionError(f"{user_id} is not parked by {projection.name}: every event can be folded")
        if found.recorded.position != position or reason not in found.reason:
            wanted = f"position {position}" + (f" with {reason!r} in the reason" if reason else "")
            raise at_fault(f"{user_id} is not parked at {wanted}:", found) from found.error
        self._parked.add((user_id, position))

    def then_roles(self, user_id: str, expected: Sequence[str]) -> None:
        self._fold_and_verify()
        assert sorted(role for role, *_ in self.rows(members, ROLES.name, user_id)) == sorted(expected)

    def then_status(self, user_id: str, expected: str | None) -> None:
        """None: there is no such member."""
        self._fold_and_verify()
        found = [named(STATUS, row)["status"] for row in self.rows(members, STATUS.name, user_id)]
        assert found == ([] if expected is None else [expected])

    def then_verified(self) -> None:
        """Stored rows equal the fold of the whole log, and no position was passed over."""
        found = verify_each(self.database, self.projections, catalogue=self.catalogue)
        for projection, verified in zip(self.projections, found, strict=True):
            if not verified.ok or verified.unverified is not None:
                raise AssertionError("\n".join([f"{projection.name} is not verified:", *_found_by(verified)]))

    def _fold_and_verify(self) -> None:
        self.catch_up()
        self.then_verified()

    def _table_of(self, rollup: Rollup) -> Table:
        projection = next((each for each in self.projections if each.name == rollup.projection), None)
        if projection is None:
            raise AssertionError(f"the ledger of this test has no projection {rollup.projection}")
        return table_of_rollup(rollup, declared_table(projection.tables, rollup.table, projection.name))

    def _require_one_result(self, projection: MemberProjection[Any], user_id: str) -> None:
        found = self._failure(projection, user_id)
        if found is not None and (user_id, found.recorded.position) not in self._parked:
            raise at_fault(f"{user_id} is parked:", found) from found.error
        if found is None:
            known, whole = self._folded(projection, user_id, LAST)
            by_position = sorted(known, key=lambda recorded: recorded.position)
            require_one_result(Fold(projection, self.catalogue), by_position, whole)

    def _failure(self, projection: MemberProjection[Any], user_id: str) -> FoldFailure | None:
        with self.database.connect(DatabaseRole.READ) as connection:
            stored = parked(connection, projection=projection.name, version=projection.version, user_id=user_id)
        if not stored:
            return None
        known, done = self._folded(projection, user_id, stored[0].position)
        recorded = next(each for each in known if each.position == stored[0].position)
        found = failure_of(Fold(projection, self.catalogue), known, done) if done.parked_at else None
        return found or FoldFailure(recorded, stored[0].error, None)

    def _folded(
        self, projection: MemberProjection[Any], user_id: str, upto: Position
    ) -> tuple[Sequence[Recorded], Folded[Any]]:
        fold = Fold(projection, self.catalogue)
        with self.database.connect(DatabaseRole.READ) as connection:
            known = dict(PostgresTransaction(connection).histories(fold, [user_id], upto))[user_id] or ()
        return known, fold.whole_of_known(known)


def _models(projections: Iterable[Projection]) -> list[type[Event]]:
    return [model for each in projections for model in (each.events if isinstance(each, Tally) else each.steps)]


def _found_by(verified: Verified) -> Iterator[str]:
    if verified.unverified is not None:
        yield f"  {verified.unverified}"
    if verified.miscounted:
        yield f"  {verified.passed} positions were passed, and {verified.in_log} are in the log"
    for drift in verified.listed:
        key = f" {drift.key}" if drift.key else ""
        what = drift.column or drift.kind.value
        yield f"  {drift.table} of {drift.user_id}{key}, {what}: stored {drift.stored!r}, folded {drift.folded!r}"
