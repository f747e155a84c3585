"""`/`: one verdict, four figures, what happened week by week, the last changes, and who holds what."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from temple_ledger.infrastructure.processes.source_health import health_of_sources
from temple_ledger.infrastructure.queries.events import ALL, newest
from temple_ledger.infrastructure.queries.health import Trouble
from temple_ledger.infrastructure.queries.overview import LedgerStatus, read_overview, troubles
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory
from temple_ledger.infrastructure.web.asked import Asked
from temple_ledger.infrastructure.web.bars import SORTS, week_chart
from temple_ledger.infrastructure.web.console import Console, Page
from temple_ledger.infrastructure.web.pages.happenings import happenings, people_of

LAST: Final = 12
MOST_ROLES: Final = 12
VERIFIED_WITHIN: Final = timedelta(days=8)


class HeldBy(NamedTuple):
    """`share` is of the role that most hold, in percent."""

    role: str
    label: str
    members: int
    share: float


class Verdict(NamedTuple):
    """`kind` is right, wrong or unknown: what was never measured is not right."""

    kind: str
    title: str
    troubles: Sequence[Trouble]
    detail: str | None = None


def overview(console: Console, asked: Asked) -> Page:
    with console.reading() as connection:
        directory, narrator = console.narrator(connection)
        counted = console.figures.current(connection)
        ledger = read_overview(
            connection,
            lambda _: health_of_sources(connection, console.sources, console.settings),
            lambda _: counted.members,
        )
        last = happenings(connection, console, narrator, newest(connection, ALL, limit=LAST)[::-1])
    runs_as = {each.name: each.runs_as for each in console.sources.sources}
    data = {
        "verdict": _verdict(ledger, list(troubles(ledger, runs_as, start=console.runs_as))),
        "ledger": ledger,
        "chart": week_chart(counted.weeks, datetime.now(UTC).date()),
        "sorts": SORTS,
        "last": last,
        "held": _held(counted.roles, directory),
        "more_roles": max(0, len(counted.roles) - MOST_ROLES),
    }
    return Page("overview.html", "Overview", "overview", data, people_of(last))


def _verdict(ledger: LedgerStatus, found: Sequence[Trouble]) -> Verdict:
    if found:
        things = "1 thing needs" if len(found) == 1 else f"{len(found):,} things need"
        return Verdict("wrong", f"{things} a person", found)
    unverified = {each.name for each in ledger.projections} - {each.projection for each in ledger.verified}
    if unverified:
        return Verdict(
            "unknown",
            "Not compared with the log yet",
            [Trouble(f"{', '.join(sorted(unverified))}: never verified", "temple verify --full")],
        )
    oldest = min((each.finished_at for each in ledger.verified), default=None)
    if oldest is None or datetime.now(UTC) - oldest > VERIFIED_WITHIN:
        return Verdict(
            "unknown", "Not compared with the log for days", [Trouble("the last verify is old", "temple verify")]
        )
    return Verdict("right", "The tables say what the log says", (), "compared")


def _held(counts: Mapping[str, int], directory: RoleDirectory) -> list[HeldBy]:
    most = max(counts.values(), default=1)
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:MOST_ROLES]
    return [HeldBy(role, directory.label(role), number, round(100 * number / most, 1)) for role, number in ranked]
