"""A runner's own schedule: `temple reconcile` as a process of its own, every so many seconds."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog

from temple_ledger.infrastructure.processes.child_environment import child_environment
from temple_ledger.infrastructure.processes.child_schedule import ChildSchedule, last_line
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.session import Session

log = structlog.get_logger("temple.reconcile")


@contextmanager
def reconciling(session: Session, leads: Callable[[], Sequence[str]]) -> Iterator[None]:
    """While the block lasts, on the schedule of the settings; *leads* names the projections that are ours by then."""
    every = session.settings.reconcile_every_seconds
    if not every:
        yield
        return
    schedule = reconcile_schedule(every, leads, child_environment(session))
    schedule.begin()
    try:
        yield
    finally:
        schedule.end()


def reconcile_schedule(
    every_seconds: float, leads: Callable[[], Sequence[str]], environment: Mapping[str, str]
) -> ChildSchedule:
    def due() -> Sequence[str]:
        names = leads()
        return ["reconcile", "--json", *names] if names else []

    return ChildSchedule("reconcile", every_seconds, due, environment, _report)


def _report(code: int, stdout: str, stderr: str) -> None:
    try:
        result = json.loads(stdout)["data"]
    except (ValueError, KeyError, TypeError):
        log.error("reconciliation failed", exit_code=code, reason=last_line(stderr))
        return
    facts = {name: result[name] for name in ("issues", "left", "repaired", "sentences") if result[name]}
    if code == ExitCode.FOUND:
        unverified = [each["projection"] for each in result["found"] if each["unverified"]]
        log.warning("reconciliation left issues", **facts, **({"unverified": unverified} if unverified else {}))
    else:
        log.info("reconciled", **facts)
    if result["push_error"]:
        log.warning("reconciliation not told", reason=result["push_error"])
