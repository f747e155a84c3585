"""The long part of a rebuild in several processes, or in one that is ended where an author's rule does not return."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.context import ForkContext, ForkProcess
from typing import Any, Final, NamedTuple

import psycopg

from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError, Refused
from temple_ledger.infrastructure.database.connection import in_words
from temple_ledger.infrastructure.read_models.fold_mark import Mark, ended_by_itself
from temple_ledger.infrastructure.read_models.rebuild import progress as notes
from temple_ledger.infrastructure.read_models.rebuild.fold_ranges import Progress, RangeFolder
from temple_ledger.infrastructure.read_models.rebuild.given_up import give_up
from temple_ledger.infrastructure.read_models.rebuild.piece_writer import HandedOver
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.watch import NOBODY_WATCHES, FoldWatch

PROGRESS_SECONDS: Final = 0.2
ENDED_EARLY: Final = 1
TAKEN_OVER: Final = 2
"""How a worker's process ends."""


class EndedBecause(NamedTuple):
    """The last thing that a worker hands over, where it ends early."""

    reason: str


Send = Callable[[HandedOver], None]
OpenFolder = Callable[[FoldWatch, Send], AbstractContextManager[RangeFolder]]


def fold_in_processes(
    connection: psycopg.Connection[Any],
    key: ProjectionKey,
    left: Sequence[notes.Range],
    folder: OpenFolder,
    *,
    workers: int,
    done: Callable[[], tuple[int, int]],
    progress: Progress,
    fold_seconds: float | None,
    receive: Callable[[HandedOver], None] | None,
) -> None:
    """Each worker claims the next free range; how far all of them are, *done* says. What they hand over, where they do
    not write it themselves, *receive* is given here: nothing of it is there yet when one of them ends early.

    One that is at a member for longer than *fold_seconds* is ended, and the member noted; its range is not done then.
    """
    fork = multiprocessing.get_context("fork")
    queue: Any = fork.SimpleQueue()
    for part in [*left, *[None] * workers]:
        queue.put(part)
    marks = [Mark.shared() for _ in range(workers)]
    watches = [NOBODY_WATCHES if fold_seconds is None else mark for mark in marks]
    processes: list[ForkProcess] = []
    pipes: list[Pipe] = []
    slow: set[str] = set()
    reasons: list[str] = []
    try:
        for watch in watches:
            process, pipe = _started(fork, queue, folder, watch)
            processes.append(process)
            pipes.append(pipe)
        reported = done()
        while pipes or any(process.is_alive() for process in processes):
            alive = [process.sentinel for process in processes if process.is_alive()]
            ready = wait([*pipes, *alive], timeout=PROGRESS_SECONDS)
            for pipe in [pipe for pipe in pipes if pipe in ready]:
                try:
                    piece = pipe.recv()
                except (EOFError, OSError):
                    # its process has ended, or was ended in the middle of a piece
                    pipes.remove(pipe)
                    pipe.close()
                else:
                    if isinstance(piece, EndedBecause):
                        reasons.append(piece.reason)
                    elif receive is not None:
                        receive(piece)
            if fold_seconds is not None:
                for process, mark in zip(processes, marks, strict=True):
                    if _ended_for_time(connection, key, process, mark, fold_seconds):
                        slow.add(process.name)
            now = done()
            progress(now[0] - reported[0], now[1] - reported[1])
            reported = now
        for process, mark in zip(processes, marks, strict=True):
            if process.name not in slow and _ended_itself(connection, key, process, mark):
                slow.add(process.name)
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()
                process.join()
        for pipe in pipes:
            pipe.close()
    ended = {process.exitcode for process in processes if process.name not in slow} - {0}
    if TAKEN_OVER in ended:
        raise Refused(f"another replay of {key.name} has taken over; this one ends")
    if ended:
        goes_on = "" if receive is not None else ", it goes on from where it was"
        why = f" ({reasons[0]})" if reasons else ""
        raise DatabaseUnavailable(f"a worker of the replay ended early{why}; run it again{goes_on}")


def _started(fork: ForkContext, queue: Any, folder: OpenFolder, watch: FoldWatch) -> tuple[ForkProcess, Pipe]:
    """A worker, and what it hands over. Its end of the pipe is open nowhere else, so that it ends with the worker."""
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_work, args=(queue, folder, watch, sender), daemon=True)
    process.start()
    sender.close()
    return process, receiver


def _ended_for_time(
    connection: psycopg.Connection[Any], key: ProjectionKey, process: ForkProcess, mark: Mark, seconds: float
) -> bool:
    folding = mark.read()
    if folding is None or time.monotonic() - folding.since < seconds or not process.is_alive():
        return False
    process.kill()
    process.join()
    give_up(connection, key, folding, folding.failure(seconds))
    return True


def _ended_itself(connection: psycopg.Connection[Any], key: ProjectionKey, process: ForkProcess, mark: Mark) -> bool:
    """Whether an author's rule ended it, for which its member is given up."""
    code = process.exitcode
    folding = None if code is None or not ended_by_itself(code) else mark.read()
    if code is None or folding is None:
        return False
    give_up(connection, key, folding, folding.failure_of_end(code))
    return True


def _work(queue: Any, folder: OpenFolder, watch: FoldWatch, sender: Pipe) -> None:
    """In a process of its own, which ends with the one that started it, and leaves the talking to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # what a rule prints is no part of the result
    sys.stdout = sys.stderr
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with folder(watch, sender.send) as ranges:
            while (part := queue.get()) is not None:
                ranges.fold(part)
    except Refused:
        watch.clear()
        os._exit(TAKEN_OVER)
    except BaseException as error:  # noqa: BLE001 - whatever it was, it is tried again by whoever runs the replay again
        watch.clear()
        with suppress(OSError):
            sender.send(EndedBecause(_reason(error)))
        os._exit(ENDED_EARLY)


def _reason(error: BaseException) -> str:
    """Nothing that an author's code or a row may be in."""
    if isinstance(error, psycopg.Error):
        return in_words(error)
    return str(error) if isinstance(error, LedgerError) else type(error).__name__


def _end_with_parent() -> None:
    """A worker that outlived a killed replay would block the next one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(ENDED_EARLY)
