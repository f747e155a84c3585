"""The long part of a rebuild in several processes, or in one that is ended where an author's rule does not return."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
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
from temple_ledger.infrastructure.read_models.rebuild.piece_pipe import ArrivingPieces, send_piece
from temple_ledger.infrastructure.read_models.rebuild.piece_writer import HandedOver
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.watch import NOBODY_WATCHES, FoldWatch

PROGRESS_SECONDS: Final = 0.2
A_PIECE_SECONDS: Final = 60.0
"""More than a piece takes: who has not brought one for so long does not go on."""
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
    piece_seconds: float = A_PIECE_SECONDS,
) -> None:
    """Each worker claims the next free range; how far all of them are, *done* says. What they hand over, where they do
    not write it themselves, *receive* is given here: nothing of it is there yet when one of them ends early.

    One that is at a member for longer than *fold_seconds* is ended, and the member noted; its range is not done then.
    One that is to hand something over, and does not for *piece_seconds*, stands still: all of it ends.
    """
    fork = multiprocessing.get_context("fork")
    queue: Any = fork.SimpleQueue()
    for part in [*left, *[None] * workers]:
        queue.put(part)
    marks = [Mark.shared() for _ in range(workers)]
    watches = [NOBODY_WATCHES if fold_seconds is None else mark for mark in marks]
    processes: list[ForkProcess] = []
    arriving: list[ArrivingPieces] = []
    slow: set[str] = set()
    reasons: list[str] = []
    try:
        for watch in watches:
            process, pieces = _started(fork, queue, folder, watch)
            processes.append(process)
            arriving.append(pieces)
        reported, reported_at = done(), time.monotonic()
        while arriving or any(process.is_alive() for process in processes):
            alive = [process.sentinel for process in processes if process.is_alive()]
            ready = wait([*(pieces.pipe for pieces in arriving), *alive], timeout=PROGRESS_SECONDS)
            for pieces in [pieces for pieces in arriving if pieces.pipe in ready]:
                try:
                    for piece in pieces.read():
                        if isinstance(piece, EndedBecause):
                            reasons.append(piece.reason)
                        elif receive is not None:
                            receive(piece)
                except EOFError:
                    # its process has ended, or was ended in the middle of a piece
                    arriving.remove(pieces)
                    pieces.pipe.close()
            if receive is not None:
                _require_at_work([pieces for pieces in arriving if pieces.pipe not in ready], piece_seconds)
            if fold_seconds is not None:
                for process, mark in zip(processes, marks, strict=True):
                    if _ended_for_time(connection, key, process, mark, fold_seconds):
                        slow.add(process.name)
            if not arriving or time.monotonic() - reported_at >= PROGRESS_SECONDS:
                now = done()
                progress(now[0] - reported[0], now[1] - reported[1])
                reported, reported_at = now, time.monotonic()
        for process, mark in zip(processes, marks, strict=True):
            if process.name not in slow and _ended_itself(connection, key, process, mark):
                slow.add(process.name)
    finally:
        for process in processes:
            if process.is_alive():
                # less would not end one that stands still
                process.kill()
                process.join()
        for pieces in arriving:
            pieces.pipe.close()
    ended = {process.exitcode for process in processes if process.name not in slow} - {0}
    if TAKEN_OVER in ended:
        raise Refused(f"another replay of {key.name} has taken over; this one ends")
    if ended:
        goes_on = "" if receive is not None else ", it goes on from where it was"
        why = f" ({reasons[0]})" if reasons else ""
        raise DatabaseUnavailable(f"a worker of the replay ended early{why}; run it again{goes_on}")


def _require_at_work(silent: Sequence[ArrivingPieces], seconds: float) -> None:
    """Raises DatabaseUnavailable for one of those that have nothing to be read, where that has been so for too long."""
    if any(time.monotonic() - pieces.read_at > seconds for pieces in silent):
        raise DatabaseUnavailable(
            f"a worker of the replay stood still for more than {seconds:,.0f} s; nothing was changed, run it again"
        )


def _started(fork: ForkContext, queue: Any, folder: OpenFolder, watch: FoldWatch) -> tuple[ForkProcess, ArrivingPieces]:
    """A worker, and what it hands over. Its end of the pipe is open nowhere else, so that it ends with the worker."""
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_work, args=(queue, folder, watch, sender), daemon=True)
    process.start()
    sender.close()
    return process, ArrivingPieces(receiver)


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
        with folder(watch, partial(send_piece, sender)) as ranges:
            while (part := queue.get()) is not None:
                ranges.fold(part)
    except Refused:
        watch.clear()
        os._exit(TAKEN_OVER)
    except BaseException as error:  # noqa: BLE001 - whatever it was, it is tried again by whoever runs the replay again
        watch.clear()
        with suppress(OSError):
            send_piece(sender, EndedBecause(_reason(error)))
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
