"""`/verify` and `/verify/ID`: what was compared with the log, and what differed."""

from collections.abc import Mapping
from typing import Any, Final

from temple_ledger.infrastructure.queries.overview import read_overview
from temple_ledger.infrastructure.read_models.verification.stored_results import (
    rounds,
    stored_verification,
    stored_verifications,
)
from temple_ledger.infrastructure.seals.status import seal_status, stored_findings
from temple_ledger.infrastructure.web.asked import Asked
from temple_ledger.infrastructure.web.console import Console, Page
from temple_ledger.infrastructure.web.listing import Listing

MOST_ALTERED: Final = 20
COLUMNS: Final = (
    *("id", "projection", "version", "kind", "position", "started_at", "finished_at", "members", "touched", "drifts"),
    *("drifted_members", "parked", "passed", "in_log"),
)
FINDINGS: Final = ("projection", "kind", "table", "user_id", "key", "column", "stored", "folded")


def verify(console: Console, asked: Asked) -> Page:
    name = asked.text("projection")
    with console.reading() as connection:
        counted = console.figures.current(connection)
        ledger = read_overview(connection, count=lambda _: counted.members)
        found = stored_verifications(connection, name, before=asked.number("before"), limit=asked.rows + 1)
        seals = seal_status(connection)
        altered = stored_findings(connection)
        covered = rounds(connection, [each.key for each in ledger.projections])
    page = found[: asked.rows]
    following = asked.url(before=page[-1].id) if len(found) > len(page) else None
    data: dict[str, Any] = {
        "ledger": ledger,
        "seals": seals,
        "altered": altered[:MOST_ALTERED],
        "more_altered": max(0, seals.findings - MOST_ALTERED),
        "latest": {(each.projection, each.version): each for each in ledger.verified},
        "covered": {(each.projection, each.version): each for each in covered},
        "found": page,
        "projection": name,
        "following": following,
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    rows = [{column: getattr(each, column) for column in COLUMNS} for each in page]
    return Page("verify.html", "Verify", "verify", data, set(), Listing(COLUMNS, rows, following))


def verification(console: Console, asked: Asked) -> Page:
    with console.reading() as connection:
        found = stored_verification(connection, asked.position())
        directory, _ = console.narrator(connection)
    listed = [_finding(each) for each in found.listed or []]
    after = asked.number("after") or 0
    page = listed[after : after + asked.rows]
    following = asked.url(after=after + len(page)) if after + len(page) < len(listed) else None
    data: dict[str, Any] = {
        "found": found,
        "listed": page,
        "labels": {str(each["key"].get("role")): directory.label(str(each["key"].get("role"))) for each in page},
        "following": following,
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    people = {str(each["user_id"]) for each in page if each["user_id"]}
    title = f"Verification {found.id}"
    return Page("verification.html", title, "verify", data, people, Listing(FINDINGS, listed), live=False)


def _finding(drift: Mapping[str, Any]) -> dict[str, Any]:
    key = drift.get("key")
    return {**{name: drift.get(name) for name in FINDINGS}, "key": key if isinstance(key, dict) else {}}
