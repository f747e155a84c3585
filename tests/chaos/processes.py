"""The processes of a storm: verbs of `temple`, each forked from a process that has imported everything already."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final, NamedTuple

from tests.killed import Moment, die_at

LOOK_SECONDS: Final = 0.02
PR_SET_PDEATHSIG: Final = 1
KILLED: Final = -signal.SIGKILL

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    [
        "temple_ledger.cli",
        "temple_ledger.infrastructure.commands.run",
        "temple_ledger.infrastructure.commands.replay",
        "temple_ledger.infrastructure.commands.repair",
        "temple_ledger.infrastructure.commands.receive",
        "temple_ledger.infrastructure.commands.verify",
        "temple_ledger.infrastructure.commands.seal",
        "temple_ledger.infrastructure.commands.events",
        "temple_ledger.infrastructure.commands.trigger",
        "temple_ledger.infrastructure.sources.discord.listener",
    ]
)
# multiprocessing asks all its children how they are when it starts one: a status is read only once
_one_at_a_time = threading.Lock()


class Death(NamedTuple):
    """By SIGKILL, before or after the exchange of that number with the database."""

    at: int
    moment: Moment


@dataclass
class Child:
    """One verb at work. `exit_code` is None while it is, and negative where a signal ended it."""

    name: str
    output: Path
    process: ForkServerProcess
    exit_code: int | None = field(default=None, init=False)

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def ended(self) -> int | None:
        with _one_at_a_time:
            self.exit_code = self.process.exitcode
        return self.exit_code

    def wait(self, seconds: float) -> int | None:
        """None when it has not ended by then."""
        deadline = time.monotonic() + seconds
        while self.ended() is None and time.monotonic() < deadline:
            pause()
        return self.exit_code

    def send(self, number: signal.Signals) -> None:
        if self.ended() is None:
            # it is ours, and not waited for: nobody else can have its number
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> bool:
        """Whether it was this that ended it."""
        self.send(signal.SIGKILL)
        return self.wait(10) == KILLED


def start(
    name: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    output: Path,
    *,
    paths: Sequence[str] = (),
    death: Death | None = None,
) -> Child:
    """Ends with this process, whatever ends this one."""
    process = _forks.Process(
        target=_work, args=(tuple(arguments), dict(environment), str(output), tuple(paths), death), name=name
    )
    with _one_at_a_time:
        process.start()
    return Child(name, output, process)


def pause(seconds: float = LOOK_SECONDS) -> None:
    threading.Event().wait(seconds)


def _work(
    arguments: tuple[str, ...], environment: dict[str, str], output: str, paths: tuple[str, ...], death: Death | None
) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = paths
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    from temple_ledger import cli

    if death is not None:
        die_at(*death)
    sys.exit(cli.main(arguments))
