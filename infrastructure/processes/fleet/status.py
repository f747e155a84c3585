"""How each ledger of a fleet is, in a line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.database.migrations import pending
from temple_ledger.infrastructure.observability.metrics.ledger import bounded
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession, require_guild
from temple_ledger.infrastructure.processes.source_health import health_of_sources
from temple_ledger.infrastructure.processes.sources import installed_sources
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.health import Trouble
from temple_ledger.infrastructure.queries.overview import LedgerStatus, read_overview, troubles
from temple_ledger.infrastructure.sources.source import Source

RUN: Final = "temple fleet run"


@dataclass(frozen=True)
class LedgerLine:
    """`ledger` is None where it has to be migrated first."""

    ledger: LedgerStatus | None
    troubles: list[Trouble] = field(default_factory=list)

    @property
    def lag(self) -> str:
        if self.ledger is None:
            return "–"
        return max(self.ledger.projections, key=lambda each: each.lag_events).lag if self.ledger.projections else "–"

    @property
    def data(self) -> dict[str, Any]:
        """For programs."""
        found: dict[str, Any] = {"troubles": [{"what": each.what, "next": each.next} for each in self.troubles]}
        if self.ledger is not None:
            found |= {
                "events": self.ledger.events,
                "head": self.ledger.head,
                "last_recorded_at": self.ledger.recorded_at,
                "parked": self.ledger.parked,
                "projections": [each.data for each in self.ledger.projections],
            }
        return found


def ledger_line(session: LedgerSession) -> LedgerLine:
    """Raises LedgerError; DatabaseUnavailable also where a question takes too long."""
    require_guild(session.database, session.ledger)
    with session.database.connect(DatabaseRole.READ, application="temple fleet") as connection:
        waiting = pending(connection)
    if waiting:
        return LedgerLine(
            None, [Trouble(f"{len(waiting)} migrations to apply", f"temple fleet migrate {session.name}")]
        )
    known = installed_sources()
    with snapshot(session.database) as connection:
        bounded(connection)
        # members are not counted: that costs more with more of them
        found = read_overview(
            connection, lambda _: health_of_sources(connection, known, session.settings), lambda _: {}
        )
    return LedgerLine(found, list(_troubles(found, known.sources)))


def _troubles(found: LedgerStatus, sources: Sequence[Source]) -> Iterator[Trouble]:
    runs_as = {each.name: each.runs_as for each in sources}
    return troubles(found, runs_as, start=RUN, catch_up=RUN, restart=f"restart {RUN}")
