"""The projections: what is installed, and whether it can go on."""

from collections.abc import Iterable, Iterator

from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.declared_tables import require_tables
from temple_ledger.infrastructure.database.rollups import is_maintained, stored_rollups
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.doctor.finding import Check, fail, ok, warn
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.effects import effect_statuses, sink_statuses
from temple_ledger.infrastructure.queries.projection_status import (
    BEGUN_BEFORE,
    NOT_INSTALLED,
    RESTART,
    ProjectionStatus,
    projection_statuses,
)
from temple_ledger.infrastructure.queries.versions import in_ledger
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.projections.placing import placed
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import carried, catalogue, not_loaded, reasons_not_loaded
from temple_ledger.projections.tally import Tally


def check_projections(database: Database) -> Iterator[Check]:
    for failed in not_loaded():
        yield fail(f"package of {failed.name}", str(failed), "repair or remove it, then restart what runs")
    with snapshot(database) as connection:
        statuses = {
            each.key: each
            for each in projection_statuses(connection, carried(), reasons_not_loaded(), catalogue=catalogue())
        }
        known = in_ledger(connection, carried())
        row = connection.execute(statement("log_head")).fetchone()
    head = row[0] if row is not None else 0
    for projection in known:
        status = statuses.get(projection.key)
        check = f"projection {projection.name if status is None else status.label}"
        if status is None:
            yield fail(check, f"version {projection.version}, without tables", "run: temple db migrate")
            continue
        said = f"version {projection.version}, {status.activity}, position {status.position}, lag {status.lag}"
        if status.position > head:
            said = f"stands at position {status.position}, beyond the end of the log at {head}, which lost events"
            yield fail(check, said, "run: temple repair --apply --reason TEXT")
        elif status.stands_still:
            reason = f": {status.reason}" if status.reason else ""
            what = fail if status.state.startswith("failed") else warn
            yield what(check, f"{said}{reason}", f"run: {status.next_command}")
        elif status.parked:
            yield warn(
                check, f"{said}, {status.parked:,} parked", f"run: temple failures list --projection {status.label}"
            )
        elif status.lag_events and status.lanes_unled:
            unled = f"{said}, and {status.without_leader}"
            yield warn(check, unled, f"run: temple projection lanes {status.label}")
        elif status.lag_events and status.leader is None and any(each.leader for each in statuses.values()):
            yield warn(check, f"{said}, and nobody folds it: {BEGUN_BEFORE}", RESTART)
        elif status.lag_events and status.leader is None:
            yield warn(check, f"{said}, and no runner is at work", "run: temple up, or temple run")
        else:
            yield ok(check, said)
    yield from _check_declarations(database, [each for each in known if each.key in statuses])
    yield from _check_rollups(database)
    yield from check_effects(database, known)
    for status in statuses.values():
        if status.state == NOT_INSTALLED:
            yield _not_kept(status)


def _not_kept(status: ProjectionStatus) -> Check:
    check = f"projection {status.label}"
    said = f"has tables at position {status.position}, but is not installed"
    if status.code_version is None:
        return warn(check, said, "install its package again, or drop its tables")
    said = f"version {status.version} stands at position {status.position}: {status.reason}, and nobody runs it"
    if status.active:
        return warn(check, said, f"run: temple projection switch {status.name} --to {status.code_version}")
    return warn(check, said, f"run: temple projection drop {status.key}")


def _check_declarations(database: Database, projections: Iterable[Projection]) -> Iterator[Check]:
    """Whether the tables are as this code declares them."""
    with snapshot(database) as connection:
        checkpoints = read_checkpoints(connection)
        for projection in projections:
            try:
                require_tables(connection, placed(projection, checkpoints[projection.key]))
            except SchemaMismatch as error:
                yield fail(f"tables of {projection.key}", str(error), "run: temple db migrate")


def _check_rollups(database: Database) -> Iterator[Check]:
    with snapshot(database) as connection:
        found = [(rollup.name, is_maintained(connection, rollup)) for rollup in stored_rollups(connection)]
    for name, holds in found:
        if not holds:
            what = "somebody dropped or disabled what keeps it: it no longer follows its source"
            yield fail(f"rollup {name}", what, "run: temple db migrate, which makes it anew")
    if found and all(holds for _, holds in found):
        yield ok("rollups", f"{len(found)} follow their sources")


def check_effects(database: Database, known: Iterable[Projection]) -> Iterator[Check]:
    with snapshot(database) as connection:
        effects = effect_statuses(connection)
        sinks = sink_statuses(connection)
    there = {(each.projection, each.version, each.name) for each in effects}
    for projection in known:
        for name in () if isinstance(projection, Tally) else projection.effects:
            if (*projection.key, name) not in there:
                found = f"is declared by {projection.name}, and raises nothing yet"
                yield warn(f"effect {name}", found, "run: temple db migrate")
    trouble = sum(each.failed + each.parked for each in effects)
    if trouble:
        yield warn("effects", f"{plural(trouble, 'message')} failed or parked", "run: temple effects list")
    for sink in sinks:
        if sink.failing_since is not None:
            found = f"accepts nothing since {sink.failing_since:%Y-%m-%d %H:%M} UTC: {sink.error}"
            yield warn(f"sink {sink.sink}", found, "look at it, then run: temple effects list")
