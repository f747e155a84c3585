"""A runner of one projection, in a process that another one watches and may end at any point.

Each step is one transaction, so an end at any point leaves rows and checkpoint agreeing. What the runner does is
written to what was its stdout, a line of JSON each; whom it folds, to the mark. It ends with the process that started
it. What a rule prints goes to stderr.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from temple_ledger.infrastructure.log.reader import Look
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.processes.with_parent import end_with_parent
from temple_ledger.infrastructure.read_models.fold_mark import Mark
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.watcher import Watcher
from temple_ledger.infrastructure.terminal.printing import stdout
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import stopped_by_signals
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.fold import FailureKind
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.processor import Projection, Step
from temple_ledger.projections.registry import catalogue


def begin_watched(environment: Mapping[str, str], key: ProjectionKey, *options: str) -> "subprocess.Popen[str]":
    """Such a process; whoever begins it reads its stdout, and closes its pipes."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "temple_ledger.cli", "run", str(key), *options],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C is for the runner, which ends this one
        start_new_session=True,
    )


def close_pipes(process: "subprocess.Popen[str]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def run_watched(
    session: Session,
    projections: Sequence[Projection],
    *,
    mark: Path,
    until_caught_up: bool,
    lanes: frozenset[int],
) -> None:
    end_with_parent(1)
    watch = Mark.open(mark)
    with _wire() as wire, stopped_by_signals() as stop, Wakeup(session.database) as wakeup, _cleared(watch):
        runner = Runner(
            session.database,
            projections,
            wakeup,
            watcher=_Relay(wire),
            catalogue=catalogue(),
            fold_watch=watch,
            lease=Lease(lanes=lanes),
        )
        stop.calls(runner.stop)
        stop.calls(wakeup.wake)
        runner.run(until_caught_up=until_caught_up)


@contextmanager
def _wire() -> Iterator[TextIO]:
    """What was stdout, which is stderr from now on: a rule that prints is no message of ours."""
    stdout().flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as wire:
        os.dup2(2, 1)
        yield wire


@contextmanager
def _cleared(mark: Mark) -> Iterator[None]:
    """An error ends this process too, and no rule did that."""
    try:
        yield
    finally:
        mark.clear()


class _Relay:
    """A watcher whose calls are made again in the process that watches."""

    def __init__(self, wire: TextIO) -> None:
        self._wire = wire

    def stepped(self, key: ProjectionKey, step: Step, seconds: float) -> None:
        self._write("stepped", [list(key), {**vars(step), "failures": [list(each) for each in step.failures]}, seconds])

    def looked(self, look: Look) -> None:
        pass

    def failed(self, key: ProjectionKey) -> None:
        self._write("failed", [list(key)])

    def recovering(self, sqlstate: str | None) -> None:
        self._write("recovering", [sqlstate])

    def beat(self) -> None:
        pass

    def _write(self, what: str, values: list[Any]) -> None:
        self._wire.write(json.dumps([what, *values]) + "\n")
        self._wire.flush()


def relay(line: str, watcher: Watcher) -> None:
    """The call that a line of the watched process stands for; none where it was killed in the middle of it."""
    if not line.endswith("\n"):
        return
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
