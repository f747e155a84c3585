"""Snapshots of Patreon: a first one of members that nobody knew, and one of many of whom a few have changed."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any, Final

from bench.apart import alone, peak_mebibytes
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.rounds import Contender, take_turns
from bench.site import EMPTY, rows, tidy
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.ingestion.snapshots.apply import apply_snapshot
from temple_ledger.infrastructure.sources.patreon.client import PAGE, PatreonClient
from temple_ledger.infrastructure.sources.patreon.document import Document, document_of
from temple_ledger.infrastructure.sources.patreon.snapshot import PatreonSettling, take_snapshot
from tests.patreon.bodies import ACOLYTE, CAMPAIGN, ORACLE, START, member_document, tier_resource

UNKNOWN: Final = 20_000
KNOWN: Final = 250_000
CHANGED: Final = 100

FIRST: Final = "first snapshot"
LATER: Final = "later snapshot"


class PagesOfMembers(PatreonClient):
    """Members by number, a page made when it is asked for; one in *changed* pays for another tier than at first."""

    def __init__(self, members: int, *, changed: int | None, clock: datetime) -> None:
        super().__init__(_NoToken(), url="http://127.0.0.1:9", clock=lambda: clock)
        self._members = members
        self._changed = changed
        self.seconds = 0.0

    async def members(self, campaign_id: str, cursor: str | None) -> Document:
        started = perf_counter()
        first = int(cursor or 0)
        page = [self._member(number) for number in range(first, min(first + PAGE, self._members))]
        following = first + PAGE
        found = document_of(
            {
                "data": [document["data"] for document in page],
                "included": [
                    *map(tier_resource, (ACOLYTE, ORACLE)),
                    *(each for document in page for each in document["included"] if each["type"] == "user"),
                ],
                "meta": {
                    "pagination": {
                        "total": self._members,
                        "cursors": {"next": str(following) if following < self._members else None},
                    }
                },
            }
        )
        self.seconds += perf_counter() - started
        return found

    def _member(self, number: int) -> dict[str, Any]:
        changed = self._changed is not None and number % self._changed == 0
        return member_document(
            ORACLE if changed else ACOLYTE,
            member=f"5c0e7a52-6f0e-4f4e-9f43-{number:012d}",
            user=str(50_000_000 + number),
            discord=str(500_000_000_000_000_000 + number),
            charged=START + timedelta(days=31) if changed else START,
        )


class _NoToken:
    async def token(self) -> str:
        return "none"

    async def instead_of(self, refused: str) -> str | None:
        return None


def measure(bench: Bench) -> Findings:
    unknown, known = (UNKNOWN, KNOWN) if bench.sizes.full else (UNKNOWN // 10, KNOWN // 50)

    def fill(dsn: str) -> None:
        bench.say(f"  a first snapshot of {known:,} members")
        alone(reconcile, dsn, known, None)
        tidy(dsn)

    template = bench.site.template(f"bench_patreon_{known}", EMPTY, fill)

    def contender(name: str, of: str, members: int, changed: int | None, events: int) -> Contender:
        def take() -> Mapping[str, float]:
            with bench.site.copy(of) as dsn:
                before = _events(dsn)
                seconds, peak = alone(reconcile, dsn, members, changed)
                assert _events(dsn) - before == events
                return {_seconds(name, members): seconds, _peak(name, members): peak}

        return take

    done = take_turns(
        {
            FIRST: contender(FIRST, EMPTY, unknown, None, unknown),
            LATER: contender(LATER, template, known, CHANGED, -(-known // CHANGED)),
        },
        bench.sizes.rounds,
        bench.say,
    )
    first, later = done.series(_seconds(FIRST, unknown), "s"), done.series(_seconds(LATER, known), "s")
    peak = done.series(_peak(FIRST, unknown), "MiB")
    return Findings(
        bench="patreon_snapshot",
        title="A snapshot of Patreon",
        how=(
            f"`take_snapshot` and `apply_snapshot`: a first one of {unknown:,} members that the ledger does not "
            f"know, and one of {known:,} members that it does, of whom one in {CHANGED} pays for another tier by "
            "now. The pages come from the process itself; making them is not counted. Peak resident set of the "
            "process, which does nothing else."
        ),
        series=[first, later, peak, done.series(_peak(LATER, known), "MiB")],
        goals=[
            Goal("first_seconds", first, target=15, at_least=False),
            Goal("first_memory", peak, target=150, at_least=False),
            Goal("later_seconds", later, target=60, at_least=False),
        ],
        load=done.load,
    )


def reconcile(dsn: str, members: int, changed: int | None) -> tuple[float, float]:
    """Seconds without the pages' own, and the most memory in MiB."""
    database = Database(dsn)
    now = datetime.now(UTC)
    client = PagesOfMembers(members, changed=changed, clock=now)
    started = perf_counter()
    snapshot_id = asyncio.run(take_snapshot(database, client, [CAMPAIGN], whole=True))
    applied = apply_snapshot(database, PatreonSettling(), snapshot_id, by="bench", confirmed=True, catalogue=CATALOGUE)
    assert not applied.conflicts
    return perf_counter() - started - client.seconds, peak_mebibytes()


def _events(dsn: str) -> int:
    return int(rows(dsn, "select count(*) from webhook_audit_log")[0][0])


def _seconds(name: str, members: int) -> str:
    return f"{name}, taken and applied, {members:,} members"


def _peak(name: str, members: int) -> str:
    return f"{name}, memory, {members:,} members"
