"""Projections of ours under the library's ProjectionRunner: the same step and rows, one event at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, ClassVar, Final

from eventsourcing.persistence import NotSupportedError, Tracking
from eventsourcing.projection import Projection as LibraryProjection

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import database_errors
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.eventsourcing_adapter.connections import retried
from temple_ledger.infrastructure.eventsourcing_adapter.errors import library_errors
from temple_ledger.infrastructure.eventsourcing_adapter.tracking import CheckpointTrackingRecorder
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.projections.author import catalogue_or_installed
from temple_ledger.projections.processor import CAUGHT_UP, Projection, Step, processor_of

MERGE_EVERY: Final = 10_000
"""Steps, each of which is a batch of one in the journal, after which its older part is merged."""


class ProjectionCheckpoint(CheckpointTrackingRecorder):
    """The view of a projection of ours: its tracking is its own checkpoint, which only its steps move."""

    def insert_tracking(self, tracking: Tracking) -> None:
        raise NotSupportedError(f"the checkpoint of {self.name} moves with its rows, not by itself")

    def max_tracking_id(self, application_name: str) -> int | None:
        return super().max_tracking_id(application_name) or None

    @contextmanager
    def open_transaction(self) -> Iterator[PostgresTransaction]:
        with self._connections.one() as connection, connection.transaction():
            yield PostgresTransaction(connection)

    def merge_journal(self) -> None:
        with library_errors():
            self._connections.run(lambda connection: connection.execute(statement("journal_merge")))

    def _key(self, application_name: str) -> str:
        return self.name


class LedgerProjection(LibraryProjection[ProjectionCheckpoint]):
    """Made by `under_the_library`.

    It takes no lease: every step holds the checkpoint, so another runner of the same projection, ours or the
    library's, costs time and changes nothing. A member whose event cannot be folded is parked and the others
    go on; a projection that is paused, failed or in need of a replay stops the library's runner with Refused.
    """

    declared: ClassVar[Projection]
    catalogue: ClassVar[Catalogue]

    def __init__(self, view: ProjectionCheckpoint) -> None:
        super().__init__(view)
        self._steps = count(1)
        self._processor = processor_of(self.declared, view.open_transaction, catalogue=self.catalogue)

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """The step reads the row itself: that the subscription passed it on says that it is settled.

        Raises Refused, and UnknownName for a projection that `temple db migrate` has not seen.
        """
        upto = Position(tracking.notification_id)
        while (step := self._step(upto)).position < upto and step.idle != CAUGHT_UP:
            if step.idle is not None:
                raise Refused(
                    f"projection {self.name} stands at position {step.position}: {step.idle}; "
                    f"see temple projection show {self.name}"
                )

    def _step(self, upto: Position) -> Step:
        if next(self._steps) % MERGE_EVERY == 0:
            self.view.merge_journal()
        with database_errors(f"folding {self.name}"):
            return retried(lambda: self._processor.step(upto=upto, limit=1))


def under_the_library(declared: Projection, catalogue: Catalogue | None = None) -> type[LedgerProjection]:
    """The `projection_class` of a ProjectionRunner whose `view_class` is ProjectionCheckpoint."""
    body = {"name": declared.name, "declared": declared, "catalogue": catalogue_or_installed(catalogue)}
    return type(declared.name, (LedgerProjection,), body)
