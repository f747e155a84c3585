"""Work in a process of its own: nothing that was done before warms it up, slows it down or counts as its memory."""

import multiprocessing
import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar

from temple_ledger.infrastructure.observability.logging import log_to_stderr

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

SPAWN = multiprocessing.get_context("spawn")
END_SECONDS = 20


class Apart(Generic[Result]):
    """A process that does one thing."""

    def __init__(self, process: SpawnProcess, outcome: Connection) -> None:
        self._process = process
        self._outcome = outcome

    def result(self) -> Result:
        """Waits for it. Raises RuntimeError when the work failed; its traceback is on stderr."""
        try:
            result: Result = self._outcome.recv()
        except EOFError:
            # it is about to print why
            self._process.join(END_SECONDS)
            raise RuntimeError(f"{self._process.name} failed") from None
        return result

    def ask_to_end(self) -> Result:
        """By SIGTERM, which the work takes as its regular end."""
        self._process.terminate()
        return self.result()


@contextmanager
def apart(
    work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Iterator[Apart[Result]]:
    """Starts *work*, a function of a module; ended by force where it has not ended with the block."""
    receiver, sender = SPAWN.Pipe(duplex=False)
    with receiver:
        process = SPAWN.Process(target=_work, args=(sender, work, arguments, named), name=work.__name__)
        process.start()
        sender.close()
        try:
            yield Apart(process, receiver)
            process.join(END_SECONDS)
        finally:
            process.kill()
            process.join()


def alone(work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
    """What *work* returns, done in a process of its own."""
    with apart(work, *arguments, **named) as process:
        return process.result()


def side_by_side(work: Callable[..., Result], calls: Sequence[tuple[object, ...]]) -> list[Result]:
    """What *work* returns for each of the calls, done at once, a process each."""
    with ExitStack() as stack:
        processes = [stack.enter_context(apart(work, *arguments)) for arguments in calls]
        return [process.result() for process in processes]


def peak_mebibytes() -> float:
    """The most memory that this process has held (peak resident set)."""
    try:
        # not ru_maxrss, which a process inherits from the one that started it
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _work(
    outcome: Connection, work: Callable[..., object], arguments: tuple[object, ...], named: dict[str, object]
) -> None:
    _end_with_the_parent()
    log_to_stderr("error")
    with outcome:
        outcome.send(work(*arguments, **named))


def _end_with_the_parent() -> None:
    """A benchmark that was killed leaves nobody behind."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
