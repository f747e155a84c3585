"""The ritual: verify, write down what was found, tell the Pushgateway, repair when it is little, else say so."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway

from temple_ledger.domain.catalogue import CATALOGUE, Catalogue
from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.instant import format_instant
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.repair import repair
from temple_ledger.infrastructure.read_models.verification.result import Verified
from temple_ledger.infrastructure.read_models.verification.since_last import DEFAULT_BUDGET_SECONDS, verify_since_last
from temple_ledger.infrastructure.read_models.verification.stored_results import store
from temple_ledger.projections.processor import Projection

REPAIR_BELOW: Final = 10
JOB: Final = "ledger-consistency"
PUSH_SECONDS: Final = 5.0

Clock = Callable[[], datetime]


@dataclass
class Reconciled:
    """`issues` were found and `left` are still there; `repaired` members were put right. `push_error` says why the
    Pushgateway was not told."""

    issues: int = 0
    left: int = 0
    repaired: int = 0
    found: list[Verified] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    push_error: str | None = None


def reconcile(
    database: Database,
    projections: Sequence[Projection],
    *,
    full: bool = False,
    budget_seconds: float = DEFAULT_BUDGET_SECONDS,
    repair_below: int = REPAIR_BELOW,
    pushgateway: str | None = None,
    details: Path | None = None,
    catalogue: Catalogue = CATALOGUE,
    clock: Clock = lambda: datetime.now(UTC),
) -> Reconciled:
    """*repair_below* 0 repairs nothing. *details* is a file of JSON lines that is appended to."""
    result = Reconciled()
    for projection in projections:
        result.found.append(look(database, projection, full, budget_seconds, catalogue, clock))
    result.issues = result.left = sum(map(issues_of, result.found))
    if details is not None and result.issues:
        try:
            write_details(details, result.found, clock())
        except OSError as error:
            # what is known is told and repaired all the same
            result.sentences.append(f"the details could not be written to {details}: {error.strerror}")
    if 0 < result.issues < repair_below:
        for projection, verified in zip(projections, result.found, strict=True):
            if verified.ahead:
                result.sentences.append(
                    f"{projection.name} stands at position {verified.position}, beyond the end of the log, which was "
                    "restored to an earlier point: not repaired unasked; run: temple repair --apply --reason TEXT"
                )
            elif not verified.ok:
                _repair(database, projection, verified, result, catalogue)
        again = [look(database, each, full, budget_seconds, catalogue, clock) for each in projections]
        result.left = sum(map(issues_of, again))
    elif result.issues:
        found = "1 difference" if result.issues == 1 else f"{result.issues:,} differences"
        limit = max(repair_below - 1, 0)
        result.sentences.append(f"{found} found. Automatic repair is limited to {limit}; run: temple repair")
    if pushgateway is not None:
        result.push_error = push(pushgateway, result)
    return result


def look(
    database: Database,
    projection: Projection,
    full: bool,
    budget_seconds: float,
    catalogue: Catalogue,
    clock: Clock,
) -> Verified:
    """One verify, with its result kept."""
    started_at = clock()
    if full:
        verified = verify(database, projection, catalogue=catalogue)
        store(database, verified, started_at)
        return verified
    since = verify_since_last(database, projection, budget_seconds=budget_seconds, catalogue=catalogue)
    store(database, since.verified, started_at, next_round=since.round, completed=since.completed)
    return since.verified


def issues_of(verified: Verified) -> int:
    """Rows that drifted, and one each for a wrong count, a wrong checkpoint, rows of another version."""
    return verified.drifts + verified.miscounted + verified.ahead + (verified.unverified is not None)


def write_details(path: Path, found: Iterable[Verified], now: datetime) -> None:
    """A JSON line for each difference; ids of members and roles, never a payload."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for verified in found:
            for drift in verified.listed:
                line: Mapping[str, object] = {"at": format_instant(now), **asdict(drift)}
                file.write(json.dumps(line, default=str, ensure_ascii=False) + "\n")
            if verified.miscounted:
                line = {
                    "at": format_instant(now),
                    "projection": verified.projection,
                    "kind": "miscounted",
                    "passed": verified.passed,
                    "in_log": verified.in_log,
                }
                file.write(json.dumps(line) + "\n")


def push(pushgateway: str, result: Reconciled) -> str | None:
    """Tells the Pushgateway how many issues are left; why that failed, None when it did not."""
    registry = CollectorRegistry()
    Gauge(
        "ledger_consistency_check_failures",
        "Differences that a verify found and nobody repaired",
        registry=registry,
    ).set(result.left)
    Gauge(
        "ledger_consistency_repaired_members",
        "Members that the last reconciliation repaired",
        registry=registry,
    ).set(result.repaired)
    try:
        push_to_gateway(pushgateway, job=JOB, registry=registry, timeout=PUSH_SECONDS)
    except (OSError, ValueError) as error:
        return f"the Pushgateway did not take the result: {error}"
    return None


def _repair(
    database: Database, projection: Projection, verified: Verified, result: Reconciled, catalogue: Catalogue
) -> None:
    try:
        repaired = repair(database, projection, verified, reason="reconciliation", catalogue=catalogue)
    except LedgerError as error:
        result.sentences.append(str(error))
        return
    result.repaired += repaired.members
    result.sentences += repaired.altered
