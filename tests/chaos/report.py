"""What a storm injected, what was lost, and how it is printed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.aftermath import Found


@dataclass
class Report:
    """`absent`: kinds that were asked for and not injected, each with the reason."""

    seed: int
    seconds: float
    seen: Counter[str]
    missed: Counter[str]
    absent: Mapping[str, str]
    broken: list[str]
    met: list[str]
    """What the appenders were answered with."""
    found: Found
    order: list[str] = field(default_factory=list)

    @property
    def points(self) -> int:
        return sum(self.seen.values())


def lines(report: Report) -> Iterator[str]:
    found = report.found
    yield f"seed {report.seed}, {report.seconds:.0f} s: {report.points:,} faults whose effect was seen"
    for kind in report.order:
        if report.seen[kind] or report.missed[kind]:
            missed = f"  ({report.missed[kind]:,} without effect)" if report.missed[kind] else ""
            yield f"  {report.seen[kind]:>6,}  {kind}{missed}"
    for kind, reason in report.absent.items():
        yield f"  not injected: {kind}: {reason}"
    yield (
        f"{found.acknowledged:,} events and deliveries were acknowledged; the log has {found.events:,} events, "
        f"the inbox {found.deliveries:,} deliveries"
    )
    if found.caught_up_seconds is not None:
        yield f"caught up {found.caught_up_seconds:.1f} s after the last fault, {found.backlog:,} events behind"
    if found.undisturbed_seconds is not None:
        yield f"a backlog as large takes {found.undisturbed_seconds:.1f} s undisturbed"
    yield f"lost: {len(found.lost):,}; wrong: {len(found.wrong):,}; edited by hand: {found.planted:,} members"
    for label, sentences in (("lost", found.lost), ("wrong", found.wrong), ("chaos itself failed", report.broken)):
        for sentence in sentences:
            yield f"{label}: {sentence}"


def as_data(report: Report) -> dict[str, Any]:
    found = report.found
    return {
        "seed": report.seed,
        "seconds": report.seconds,
        "faults": report.points,
        "seen": {kind: report.seen[kind] for kind in report.order},
        "without_effect": dict(report.missed),
        "not_injected": dict(report.absent),
        "acknowledged": found.acknowledged,
        "events": found.events,
        "deliveries": found.deliveries,
        "planted": found.planted,
        "backlog": found.backlog,
        "caught_up_seconds": found.caught_up_seconds,
        "undisturbed_seconds": found.undisturbed_seconds,
        "lost": found.lost,
        "wrong": found.wrong,
        "failed": report.broken,
        "appenders_met": report.met,
    }
