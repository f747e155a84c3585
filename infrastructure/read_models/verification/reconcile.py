"""The ritual: verify, write down what was found, repair when it is little, push the result to the Pushgateway."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.instant import format_instant
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.log.output_file import PRIVATE, through
from temple_ledger.infrastructure.read_models.verification.proven_log import (
    proof_for_repair,
    refusal,
    sealed_first,
    share_of_proof,
)
from temple_ledger.infrastructure.read_models.verification.repair import repair
from temple_ledger.infrastructure.read_models.verification.report import Clock, VerificationReport, Verifier
from temple_ledger.infrastructure.read_models.verification.result import Verified
from temple_ledger.infrastructure.read_models.verification.since_last import DEFAULT_BUDGET_SECONDS
from temple_ledger.infrastructure.seals.head import Head
from temple_ledger.infrastructure.seals.proof import Proof
from temple_ledger.projections.processor import Projection

REPAIR_BELOW: Final = 10
JOB: Final = "ledger-consistency"
PUSH_SECONDS: Final = 5.0


@dataclass
class Reconciled:
    """`issues` were found and `left` are still there; `repaired` members were put right. `push_error` says why
    nothing was pushed to the Pushgateway. `log` says how far the log is proven, `log_changed` what was found there."""

    issues: int = 0
    left: int = 0
    repaired: int = 0
    found: list[VerificationReport] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    push_error: str | None = None
    log: str = ""
    log_changed: list[str] = field(default_factory=list)


def reconcile(
    database: Database,
    projections: Sequence[Projection],
    *,
    by: str,
    catalogue: Catalogue,
    full: bool = False,
    budget_seconds: float = DEFAULT_BUDGET_SECONDS,
    repair_below: int = REPAIR_BELOW,
    pushgateway: str | None = None,
    details: Path | None = None,
    heads: Sequence[Head] = (),
    clock: Clock = lambda: datetime.now(UTC),
) -> Reconciled:
    """*repair_below* 0 repairs nothing. *details* is a file of JSON lines that is appended to.

    Nothing is repaired from a log that is not proven as a whole; *heads* of the chain were noted outside.
    """
    result = Reconciled()
    not_sealed = sealed_first(database, budget_seconds)
    with Verifier(database, catalogue=catalogue, clock=clock) as verifier:

        def compared() -> list[VerificationReport]:
            return [_compare(verifier, each, full=full, budget_seconds=budget_seconds) for each in projections]

        result.found = compared()
        result.issues = result.left = _issues(result.found)
        if details is not None and result.issues:
            try:
                write_details(details, (report.verified for report in result.found), clock())
            except OSError as error:
                # what was found is printed and repaired all the same
                result.sentences.append(f"the details could not be written to {details}: {error.strerror}")
        few = 0 < result.issues < repair_below
        if few and not_sealed is not None:
            result.sentences.append(not_sealed)
        elif few and _is_proven(database, result, budget_seconds, heads):
            for report in result.found:
                if report.verified.ahead:
                    result.sentences.append(_beyond_log(report.verified))
                elif not report.verified.ok:
                    _repair(database, report, result, by, catalogue)
            result.left = _issues(compared())
        elif result.issues >= max(1, repair_below):
            result.sentences.append(_too_many(result.issues, repair_below))
        if not result.log:
            _note_log(result, share_of_proof(database, budget_seconds, heads))
    if pushgateway is not None:
        result.push_error = push(pushgateway, result)
    return result


def _is_proven(database: Database, result: Reconciled, budget_seconds: float, heads: Sequence[Head]) -> bool:
    proof = proof_for_repair(database, budget_seconds, heads)
    _note_log(result, proof)
    if proof.holds:
        return True
    if not proof.changed:
        result.sentences.append(str(refusal(proof)))
    return False


def _note_log(result: Reconciled, proof: Proof) -> None:
    result.log = proof.sentence
    result.log_changed = list(map(str, proof.findings))
    if proof.changed:
        result.sentences.append(str(refusal(proof)))


def _compare(verifier: Verifier, projection: Projection, *, full: bool, budget_seconds: float) -> VerificationReport:
    """Raises the error where the result was not stored: the next one would start from the wrong place."""
    report = verifier.full(projection) if full else verifier.since_last(projection, budget_seconds=budget_seconds)
    if report.not_stored is not None:
        raise report.not_stored
    return report


def _issues(reports: Iterable[VerificationReport]) -> int:
    return sum(report.verified.issues for report in reports)


def _beyond_log(verified: Verified) -> str:
    return (
        f"{verified.projection} stands at position {verified.position}, beyond the end of the log, which was "
        "restored to an earlier point: not repaired unasked; run: temple repair --apply --reason TEXT"
    )


def _too_many(issues: int, repair_below: int) -> str:
    found = "1 difference" if issues == 1 else f"{issues:,} differences"
    limit = f"is limited to {repair_below - 1:,}" if repair_below > 1 else "is switched off"
    return f"{found} found. Automatic repair {limit}; run: temple repair"


def write_details(path: Path, found: Iterable[Verified], now: datetime) -> None:
    """A JSON line for each difference; ids of members and roles, never a payload."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(through(path, append=True, mode=PRIVATE)) as file:
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
    """Pushes how many issues are left to the Pushgateway; why that failed, None when it did not."""
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
        return f"the Pushgateway did not accept the result: {error}"
    return None


def _repair(database: Database, report: VerificationReport, result: Reconciled, by: str, catalogue: Catalogue) -> None:
    try:
        repaired = repair(
            database,
            report.projection,
            report.verified,
            by=by,
            reason="reconciliation",
            catalogue=catalogue,
            unasked=True,
        )
    except LedgerError as error:
        result.sentences.append(str(error))
        return
    result.repaired += repaired.members
    result.sentences += repaired.altered
