"""How many members there are, by status."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import Metric

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.kept import Cached
from temple_ledger.infrastructure.observability.metrics.labels import OTHER
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, gauge

STATUSES: Final = ("active", "inactive", "departed")
PATRONS: Final = "patrons"


class MembersByStatus:
    def __init__(self, kept: Cached[dict[str, int]] | None = None) -> None:
        self._kept = Cached() if kept is None else kept

    def __call__(self, connection: Connection) -> Iterator[Metric]:
        counts = dict(self._kept(lambda: dict(connection.execute(statement("status_members")).fetchall())))
        patrons = gauge("ledger_patrons_without_discord", "Patrons that no Discord account is linked to")
        patrons.add_metric([], counts.pop(PATRONS, 0))
        family = gauge("ledger_members", "Members by status, at most a minute or so old", "status")
        for status in STATUSES:
            family.add_metric([status], counts.pop(status, 0))
        if counts:
            family.add_metric([OTHER], sum(counts.values()))
        yield from (family, patrons)
