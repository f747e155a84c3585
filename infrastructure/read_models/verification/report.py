"""A verify from beginning to end: compared, explained and stored, over connections that all of it shares."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from types import TracebackType
from typing import Final, Self, TypeVar

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.read_models.member_log.walk import Connection, one_snapshot, snapshot_connection
from temple_ledger.infrastructure.read_models.operations import Parked, parked
from temple_ledger.infrastructure.read_models.verification.evidence import events_behind
from temple_ledger.infrastructure.read_models.verification.full import Elsewhere, Progress, verify_everybody
from temple_ledger.infrastructure.read_models.verification.repair import altered_ranges
from temple_ledger.infrastructure.read_models.verification.result import Verified
from temple_ledger.infrastructure.read_models.verification.since_last import (
    DEFAULT_BUDGET_SECONDS,
    SinceLast,
    verify_since_last,
)
from temple_ledger.infrastructure.read_models.verification.stored_results import store
from temple_ledger.projections.processor import Projection

APPLICATION: Final = "temple verify"

Answer = TypeVar("Answer")
Clock = Callable[[], datetime]


@dataclass
class VerificationReport:
    """What one verify found, all of it in one snapshot.

    `altered` says, of a miscount, between which positions the log has another number of events than were folded;
    `events` are those behind the first differences, as many as were asked for. `number` is that of the stored result,
    None where nothing was compared, or where it could not be stored, for the reason `not_stored`.
    """

    projection: Projection
    verified: Verified
    since: SinceLast | None = None
    altered: Sequence[str] = ()
    parked: Sequence[Parked] = ()
    events: Sequence[Sequence[Recorded]] = ()
    number: int | None = None
    not_stored: LedgerError | None = None

    @property
    def agrees(self) -> bool:
        return self.verified.ok and self.verified.unverified is None


class Verifier:
    """Verifies one projection after the other, each in a snapshot of its own, over the same connections.

    There are three of them at most, however many projections: two that read, one that stores results. Nothing is held
    open between two verifies, so a repair may come there.
    """

    def __init__(self, database: Database, *, catalogue: Catalogue, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._catalogue = catalogue
        self._clock = clock
        self._connections = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connections.__exit__(kind, error, trace)

    def full(
        self,
        projection: Projection,
        *,
        explained: int = 0,
        progress: Progress = lambda done: None,
        elsewhere: Elsewhere | None = None,
    ) -> VerificationReport:
        """Compares everybody. The events behind so many of the differences are *explained*. The log is folded
        *elsewhere*, or here."""
        started_at = self._clock()
        with database_errors(f"comparing {projection.name}"), one_snapshot(self._log, self._tables) as snapshot:
            verified = verify_everybody(
                snapshot, projection, catalogue=self._catalogue, progress=progress, elsewhere=elsewhere
            )
            report = VerificationReport(projection, verified)
            self._explain(snapshot.tables, report, explained)
        self._store(report, started_at)
        return report

    def since_last(
        self, projection: Projection, *, budget_seconds: float = DEFAULT_BUDGET_SECONDS, explained: int = 0
    ) -> VerificationReport:
        """Compares whom events have touched since the last time, and others until the budget is used up."""
        started_at = self._clock()
        with database_errors(f"comparing {projection.name}"), one_snapshot(self._log, self._tables) as snapshot:
            since = verify_since_last(snapshot, projection, catalogue=self._catalogue, budget_seconds=budget_seconds)
            report = VerificationReport(projection, since.verified, since)
            self._explain(snapshot.tables, report, explained)
        self._store(report, started_at)
        return report

    def ask(self, question: Callable[[Connection], Answer]) -> Answer:
        """Something else about the ledger, over a connection that is there already."""
        with database_errors("reading"), self._tables.transaction():
            return question(self._tables)

    def _explain(self, connection: Connection, report: VerificationReport, most: int) -> None:
        verified, projection = report.verified, report.projection
        if verified.miscounted:
            report.altered = altered_ranges(connection, projection.key, verified.position)
        if verified.parked:
            report.parked = parked(connection, projection=projection.name, version=projection.version)
        drifts = verified.listed[:most]
        if drifts:
            report.events = events_behind(connection, projection, drifts, verified.position, catalogue=self._catalogue)

    def _store(self, report: VerificationReport, started_at: datetime) -> None:
        """A login that may only read, or a standby, cannot store it: the report then says why."""
        try:
            with database_errors("storing the result"):
                report.number = store(self._results, report.verified, started_at, since=report.since)
        except LedgerError as error:
            report.not_stored = error

    @cached_property
    def _log(self) -> Connection:
        return self._connections.enter_context(snapshot_connection(self._database, application=APPLICATION))

    @cached_property
    def _tables(self) -> Connection:
        return self._connections.enter_context(snapshot_connection(self._database, application=APPLICATION))

    @cached_property
    def _results(self) -> Connection:
        return self._connections.enter_context(self._database.connect(DatabaseRole.PROJECT, application=APPLICATION))
