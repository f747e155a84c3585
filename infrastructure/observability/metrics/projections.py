"""How far each projection is, and what stands still."""

from collections.abc import Container, Iterator
from typing import Final

from prometheus_client.core import Metric
from psycopg.rows import dict_row

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, counter, gauge
from temple_ledger.infrastructure.queries.projection_status import NOT_LOADED
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.members import members

STATES: Final = (*(state.value for state in ProjectionState), NOT_LOADED)


class Projections:
    def __init__(self, not_loaded: Container[str] = frozenset()) -> None:
        self._not_loaded = not_loaded

    def __call__(self, connection: Connection) -> Iterator[Metric]:
        with connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(statement("metrics_projections")).fetchall()
        head = gauge("ledger_log_head_position", "The greatest position in the log")
        waiting = gauge(
            "webhook_audit_unprocessed_count",
            "Events that the projection 'members' has not folded: the head of the log minus its checkpoint, so numbers "
            "that the log never used are among them",
        )
        position = gauge("ledger_position", "The last position that is folded", "projection")
        lag_events = gauge("ledger_lag_events", "The head of the log minus the checkpoint, in positions", "projection")
        lag_seconds = gauge(
            "ledger_lag_seconds", "How long the first event that is not folded has been in the log", "projection"
        )
        passed = counter("ledger_events_passed", "Events at or before the checkpoint", "projection")
        state = gauge("ledger_projection_state", "1 for the state that the projection is in", "projection", "state")
        led = gauge("ledger_projection_led", "1 if a runner holds the projection's lease", "projection")
        parked = gauge("ledger_parked_members", "Members with an event that could not be folded", "projection")
        oldest = gauge(
            "ledger_parked_oldest_timestamp_seconds", "When the first of the parked members was parked", "projection"
        )
        for row in rows:
            name = row["projection"] if row["active"] else f"{row['projection']}@{row['version']}"
            position.add_metric([name], row["position"])
            lag_events.add_metric([name], row["waiting"])
            lag_seconds.add_metric([name], max(0.0, row["lag_seconds"]))
            passed.add_metric([name], row["passed"])
            led.add_metric([name], float(bool(row["led"])))
            parked.add_metric([name], row["members"])
            if row["oldest_parked"] is not None:
                oldest.add_metric([name], row["oldest_parked"])
            now = self._state(row["projection"], row["state"])
            for each in STATES:
                state.add_metric([name, each], float(each == now))
            if name == members.name:
                waiting.add_metric([], row["waiting"])
        head.add_metric([], rows[0]["head"] if rows else 0)
        yield from (head, waiting, position, lag_events, lag_seconds, passed, state, led, parked, oldest)

    def _state(self, name: str, stored: str) -> str:
        if name in self._not_loaded:
            return NOT_LOADED
        return stored
