"""How far a replay is, that goes on beside the live tables."""

from collections.abc import Iterator

from prometheus_client.core import Metric
from psycopg.rows import dict_row

from temple_ledger.infrastructure.database.standby import is_standby
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, gauge


def rebuilds(connection: Connection) -> Iterator[Metric]:
    if is_standby(connection):
        # the notes about a replay are unlogged tables, which are read on the primary alone
        return
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("rebuild_going")).fetchall()
    began = gauge("ledger_rebuild_started_timestamp_seconds", "When the rebuild began that is not done", "projection")
    alive = gauge("ledger_rebuild_alive", "1 if a process is at work on it; 0: it was killed and waits", "projection")
    events = gauge("ledger_rebuild_events", "Events that it has folded", "projection")
    members = gauge("ledger_rebuild_members", "Members that it has folded", "projection")
    progress = gauge("ledger_rebuild_ranges_ratio", "Which share of its ranges of members is done", "projection")
    for row in rows:
        name = [row["projection"]]
        began.add_metric(name, row["started_at"].timestamp())
        alive.add_metric(name, float(row["alive"]))
        events.add_metric(name, row["events"])
        members.add_metric(name, row["members"])
        progress.add_metric(name, row["ranges_done"] / row["ranges"] if row["ranges"] else 0.0)
    yield from (began, alive, events, members, progress)
