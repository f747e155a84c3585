"""`/projections` and `/projections/NAME`: how far each of them is, what stands still, and why."""

from typing import Any, Final

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.effects import effect_statuses, sink_statuses
from temple_ledger.infrastructure.queries.feed import Consumer
from temple_ledger.infrastructure.queries.lag_trend import lag_trend
from temple_ledger.infrastructure.queries.operations import operations
from temple_ledger.infrastructure.queries.projection_status import projection_status, projection_statuses
from temple_ledger.infrastructure.read_models.lanes import stored_lanes
from temple_ledger.infrastructure.read_models.operations import parked
from temple_ledger.infrastructure.read_models.verification.stored_results import stored_verifications
from temple_ledger.infrastructure.read_models.versions.stored import stored_versions
from temple_ledger.infrastructure.web.asked import Asked
from temple_ledger.infrastructure.web.console import Console, Page
from temple_ledger.infrastructure.web.figures import read_head
from temple_ledger.infrastructure.web.lag_chart import lag_chart
from temple_ledger.infrastructure.web.listing import Listing
from temple_ledger.projections.registry import carried, catalogue, reasons_not_loaded

LAST_VERIFIED: Final = 3
LAST_OPERATIONS: Final = 8
MOST_PARKED: Final = 50
MOST_WAITING: Final = 10_000
"""Changes that wait for a consumer are counted so far."""
COLUMNS: Final = ("name", "state", "activity", "reason", "position", "lag_events", "lag_seconds", "leader", "version")
PARKED: Final = ("projection", "position", "user_id", "kind", "error", "parked_at", "waiting")


def projections(console: Console, asked: Asked) -> Page:
    with console.reading() as connection:
        statuses = projection_statuses(connection, carried(), reasons_not_loaded(), catalogue=catalogue())
        head, _ = read_head(connection)
        verified = {
            each.key: stored_verifications(connection, *each.key, limit=LAST_VERIFIED)[::-1] for each in statuses
        }
        failures = parked(connection)
        done = operations(connection, limit=LAST_OPERATIONS)
        waiting = connection.execute(statement("web_consumers"), {"most": MOST_WAITING}).fetchall()
        effects, sinks = effect_statuses(connection), sink_statuses(connection)
    data: dict[str, Any] = {
        "consumers": [Consumer(*row) for row in waiting],
        "most_waiting": MOST_WAITING,
        "effects": effects,
        "sinks": sinks,
        "statuses": statuses,
        "head": head,
        "verified": verified,
        "failures": failures[:MOST_PARKED],
        "more_failures": max(0, len(failures) - MOST_PARKED),
        "operations": done,
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    rows = [{column: getattr(each, column) for column in COLUMNS} for each in statuses]
    people = {each.user_id for each in failures[:MOST_PARKED]}
    return Page("projections.html", "Projections", "projections", data, people, Listing(COLUMNS, rows))


def projection(console: Console, asked: Asked) -> Page:
    name = asked.parameters["name"]
    with console.reading() as connection:
        status = projection_status(connection, carried(), name, catalogue=catalogue())
        head, _ = read_head(connection)
        verified = stored_verifications(connection, *status.key, limit=10)
        failures = parked(connection, projection=status.name, version=status.version)
        done = operations(connection, projection=status.name, limit=LAST_OPERATIONS)
        versions = [each.key.version for each in stored_versions(connection, status.name).versions if not each.active]
        every = projection_statuses(connection, carried(), reasons_not_loaded(), catalogue=catalogue())
        sides = [
            (each, stored_verifications(connection, *each.key, limit=1)) for each in every if each.name == status.name
        ]
        trend = lag_chart(lag_trend(connection, status.key))
        lanes = stored_lanes(connection, status.key)
    known = next((each for each in carried() if each.key == status.key), None)
    data: dict[str, Any] = {
        "status": status,
        "versions": versions,
        "sides": sides,
        "trend": trend,
        "lanes": lanes,
        "first": min((each.position for each in lanes), default=None),
        "last": max((each.position for each in lanes), default=None),
        "head": head,
        "tables": [] if known is None else [table.name for table in known.tables],
        "verified": verified,
        "failures": failures[: asked.rows],
        "more_failures": max(0, len(failures) - asked.rows),
        "operations": done,
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    rows = [{column: getattr(each, column) for column in PARKED} for each in failures]
    people = {each.user_id for each in failures[: asked.rows]}
    return Page("projection.html", name, "projections", data, people, Listing(PARKED, rows))
