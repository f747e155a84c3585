"""Whether tables and log were compared lately, and what that found."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.doctor.finding import Check, fail, ok, warn
from temple_ledger.infrastructure.queries.consistent_read import Connection, snapshot
from temple_ledger.infrastructure.queries.versions import in_ledger
from temple_ledger.infrastructure.read_models.verification.stored_results import latest
from temple_ledger.infrastructure.seals.status import SealStatus, seal_status
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.registry import carried

OVERDUE: Final = timedelta(minutes=45)
"""A runner verifies every 15 minutes."""


def check_verifying(database: Database) -> Iterator[Check]:
    with snapshot(database) as connection:
        for found in latest(connection, [each.key for each in in_ledger(connection, carried())]):
            check = f"verified {found.projection}"
            age = datetime.now(UTC) - found.finished_at
            said = f"{int(age.total_seconds() // 60)} minutes ago, at position {found.position}"
            if found.drifts or (found.in_log is not None and found.in_log != found.passed):
                what = f"{found.drifts} differences" if found.drifts else "another number of events than the log has"
                yield fail(check, f"{said}: {what}", f"run: temple repair {found.projection}")
            elif age > OVERDUE:
                yield warn(check, said, "run: temple reconcile; a runner does so by itself")
            else:
                yield ok(check, f"{said}: agrees")
        yield _sealed(seal_status(connection))
        yield from _counted_functions(connection)


def _sealed(seals: SealStatus) -> Check:
    """By the latest proof: one takes as long as reading the log."""
    if seals.findings:
        what = f"the log is not what was sealed: {plural(seals.findings, 'finding')} of the latest proof"
        return fail("seals", what, "before any repair or replay run: temple seal verify")
    compared = f"compared up to {seals.proven_position}, as sealed" if seals.was_compared else "never compared"
    return ok("seals", f"{seals.sentence}; {compared}")


def _counted_functions(connection: Connection) -> Iterator[Check]:
    """In trigger mode the trigger's own time is known only if the server counts it."""
    row = connection.execute(statement("doctor_function_counts"), {"state": ProjectionState.TRIGGER.value}).fetchone()
    if row is not None and row[0] == "none":
        yield warn(
            "trigger durations",
            "track_functions none: nobody knows how long the trigger takes",
            "set track_functions = pl",
        )
