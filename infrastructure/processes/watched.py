"""A runner of one projection, in a process that another one watches and may end at any point.

Each step is one transaction, so an end at any point leaves rows and checkpoint agreeing. What the runner does is
written to stdout, a line of JSON each; whom it folds, to the mark. It ends with the process that started it.
"""

import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from temple_ledger.infrastructure.log.reader import Look
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.fold_mark import Mark
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.watcher import Watcher
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import stopped_by_signals
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.fold import FailureKind
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.processor import Projection, Step
from temple_ledger.projections.registry import catalogue


def run_watched(session: Session, projections: Sequence[Projection], mark: Path, *, until_caught_up: bool) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with stopped_by_signals() as stop, Wakeup(session.database) as wakeup:
        runner = Runner(
            session.database,
            projections,
            wakeup,
            watcher=_Relay(),
            catalogue=catalogue(),
            fold_watch=Mark.open(mark),
        )
        stop.calls(runner.stop)
        stop.calls(wakeup.wake)
        runner.run(until_caught_up=until_caught_up)


def _end_with_parent() -> None:
    """Its end closes our stdin, which carries nothing else."""
    # not through sys.stdin, whose lock the interpreter would wait for at its own end
    while os.read(0, 1):
        pass
    os._exit(1)


class _Relay:
    """A watcher whose calls are made again in the process that watches."""

    def stepped(self, key: ProjectionKey, step: Step, seconds: float) -> None:
        _write("stepped", [list(key), {**vars(step), "failures": [list(each) for each in step.failures]}, seconds])

    def looked(self, look: Look) -> None:
        pass

    def failed(self, key: ProjectionKey) -> None:
        _write("failed", [list(key)])

    def recovering(self, sqlstate: str | None) -> None:
        _write("recovering", [sqlstate])

    def beat(self) -> None:
        pass


def _write(what: str, values: list[Any]) -> None:
    sys.stdout.write(json.dumps([what, *values]) + "\n")
    sys.stdout.flush()


def relay(line: str, watcher: Watcher) -> None:
    """The call that a line of the watched process stands for."""
    match json.loads(line):
        case ["stepped", [str() as name, int() as version], dict() as step, float() as seconds]:
            failures = tuple(
                Failure(position, user_id, error, FailureKind(kind), frames)
                for position, user_id, error, kind, frames in step.pop("failures")
            )
            watcher.stepped(ProjectionKey(name, version), Step(**step, failures=failures), seconds)
        case ["failed", [str() as name, int() as version]]:
            watcher.failed(ProjectionKey(name, version))
        case ["recovering", sqlstate]:
            watcher.recovering(sqlstate)
