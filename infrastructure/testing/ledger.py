"""Given a history, when something happens, then these rows: on a real database, through the real runner's steps.

    ledger.given(joined("ada"), role_added("ada", "Oracle"))
    ledger.when(left("ada"))
    ledger.then_roles("ada", [])
    ledger.then_status("ada", "departed")

Each `then` folds what was appended in batches of the ledger's size, and demands that a full verify finds nothing: what
was folded live equals the fold of the whole log.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import EventConflict
from temple_ledger.domain.event import Event
from temple_ledger.domain.log_entry import LogEntry, entry_of_event
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.projections.author import catalogue_or_installed
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.difference import named
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import ROLES, STATUS, members
from temple_ledger.projections.processor import CAUGHT_UP, Projection, Step, processor_of
from temple_ledger.projections.tables import Row


class LedgerScenario:
    """A ledger of one test. At most *batch* events are folded together; *catalogue* None is the installed one."""

    def __init__(
        self,
        database: Database,
        *,
        projections: Sequence[Projection] = BUILT_IN,
        batch: int = 1_000,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.database = database
        self.projections = projections
        self.batch = batch
        self.catalogue = catalogue_or_installed(catalogue)
        if any(each not in BUILT_IN for each in projections):
            bring_up_to_date(database, projections)

    def given(self, *events: Event) -> Sequence[Position]:
        """Appends events, each with an id of its own; their positions."""
        return self.append(entry_of_event(event, event_id=uuid4(), catalogue=self.catalogue) for event in events)

    when = given

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
        declared = next(each for each in projection.tables if each.name == table)
        with self.database.connect(DatabaseRole.READ) as connection:
            found = connection.execute(tables.read_statement(declared), {"user_ids": [user_id]})
            return [tuple(row) for _, *row in found]

    def then_rows(self, projection: MemberProjection[Any], table: str, user_id: str, expected: Sequence[Row]) -> None:
        self.catch_up()
        self.then_verified()
        assert sorted(self.rows(projection, table, user_id), key=repr) == sorted(expected, key=repr)

    def then_roles(self, user_id: str, expected: Sequence[str]) -> None:
        self.catch_up()
        self.then_verified()
        assert sorted(role for role, *_ in self.rows(members, ROLES.name, user_id)) == sorted(expected)

    def then_status(self, user_id: str, expected: str | None) -> None:
        """None: there is no such member."""
        self.catch_up()
        self.then_verified()
        found = [named(STATUS, row)["status"] for row in self.rows(members, STATUS.name, user_id)]
        assert found == ([] if expected is None else [expected])

    def then_verified(self) -> None:
        """Stored rows equal the fold of the whole log, and no position was passed over."""
        for projection in self.projections:
            verified = verify(self.database, projection, catalogue=self.catalogue)
            assert verified.ok, f"{projection.name}: {verified.listed or (verified.passed, verified.in_log)}"
