"""Whoever folds in this process ends an author's rule that does not return, and names the member.

A timer looks every second where the folding thread is. Where that is within the same call of an author's code, about
the same event, for as long as a replay would wait for a whole member, the call is ended. So nothing is asked of the
fold itself, and a long history is not taken for an endless rule.
"""

import ctypes
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import FrameType
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

from temple_ledger.domain.errors import EndlessFold
from temple_ledger.domain.recorded import Recorded

FOLD_SECONDS: Final = 50.0
"""For the whole history of a member (of a tally: for an event): ten times what a step gives."""
LOOK_SECONDS: Final = 1.0
FOLDING: Final = ("temple_ledger.projections.", "temple_ledger.domain.")
"""The modules that call an author's code: neither calls anything that waits."""
OURS: Final = "temple_ledger."

P = ParamSpec("P")
R = TypeVar("R")


class _Call(NamedTuple):
    """A call of an author's code: by whom, from where in there, about which event; and the frame of that code."""

    caller: FrameType
    instruction: int
    event: Recorded | None
    called: FrameType


def ends_endless_folds(command: Callable[P, R]) -> Callable[P, R]:
    """Decorates a command. Raises EndlessFold out of it."""

    @wraps(command)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        with endless_folds_end():
            return command(*args, **kwargs)

    return limited


@contextmanager
def endless_folds_end(seconds: float = FOLD_SECONDS, look_seconds: float = LOOK_SECONDS) -> Iterator[None]:
    """Within the block, for a process that is ours: by a signal, which also ends a rule that waits for something.

    On another thread than the main one, as `endless_folds_end_in_thread`. Raises EndlessFold.
    """
    if threading.current_thread() is not threading.main_thread():
        with endless_folds_end_in_thread(seconds, look_seconds):
            yield
        return
    if _is_watched():
        yield
        return
    watch = _Watch(seconds)

    def look(_: int, frame: FrameType | None) -> None:
        if watch.is_endless(frame):
            # no Exception: what an author's code raises parks a member, and this must not
            raise KeyboardInterrupt

    before, began = signal.signal(signal.SIGALRM, look), time.monotonic()
    timer = signal.setitimer(signal.ITIMER_REAL, look_seconds, look_seconds)
    try:
        with _watched():
            yield
    except KeyboardInterrupt:
        if not watch.found:
            raise
        raise EndlessFold(watch.found, seconds) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        _begin_again(timer, time.monotonic() - began)


@contextmanager
def endless_folds_end_in_thread(seconds: float = FOLD_SECONDS, look_seconds: float = LOOK_SECONDS) -> Iterator[None]:
    """Within the block, for any thread of somebody's program, whose signals are its own: another thread looks on.

    A rule that waits for something ends when it goes on. Raises EndlessFold.
    """
    if _is_watched():
        yield
        return
    watch, here, done, lock = _Watch(seconds), threading.get_ident(), threading.Event(), threading.Lock()

    def look_on() -> None:
        while not done.wait(look_seconds):
            endless = watch.is_endless(sys._current_frames().get(here))
            with lock:
                if endless and not done.is_set():
                    _raise_in(here, KeyboardInterrupt)

    looking = threading.Thread(target=look_on, name="endless folds", daemon=True)
    looking.start()
    try:
        try:
            with _watched():
                yield
        finally:
            with lock:
                done.set()
                if watch.found and sys.exc_info()[0] is not KeyboardInterrupt:
                    # it returned after all, before it was ended
                    _raise_in(here, None)
    except KeyboardInterrupt:
        if not watch.found:
            raise
        raise EndlessFold(watch.found, seconds) from None


class _Watching(threading.local):
    is_on = False


_watching = _Watching()


def _is_watched() -> bool:
    """Of this thread, by a block around: its limit is the one that counts."""
    return _watching.is_on


@contextmanager
def _watched() -> Iterator[None]:
    _watching.is_on = True
    try:
        yield
    finally:
        _watching.is_on = False


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    raised = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)


def _begin_again(timer: tuple[float, float], passed: float) -> None:
    """One that was set before by somebody else, such as a time limit of tests."""
    left, every = timer
    if left:
        signal.setitimer(signal.ITIMER_REAL, max(left - passed, 0.001), every)


class _Watch:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._call: _Call | None = None
        self._since = 0.0
        self.found = ""

    def is_endless(self, frame: FrameType | None) -> bool:
        call = _call_of_author(frame)
        if call is None or self._call is None or not _is_same(call, self._call):
            self._call, self._since = call, time.monotonic()
        elif time.monotonic() - self._since >= self._seconds:
            self.found = _described(call)
            self._call = None
            return True
        return False


def _is_same(one: _Call, other: _Call) -> bool:
    same_place = one.caller is other.caller and one.instruction == other.instruction
    return same_place and one.event is other.event


def _call_of_author(frame: FrameType | None) -> _Call | None:
    """The outermost one: an author's code may call ours again. None where none is at work."""
    found: tuple[FrameType, FrameType] | None = None
    inner: FrameType | None = None
    while frame is not None:
        if inner is not None and not _module(inner).startswith(OURS) and _module(frame).startswith(FOLDING):
            found = frame, inner
        inner, frame = frame, frame.f_back
    if found is None:
        return None
    caller, called = found
    return _Call(caller, caller.f_lasti, _event_of(caller), called)


def _event_of(frame: FrameType) -> Recorded | None:
    found = frame.f_locals.get("recorded")
    return found if isinstance(found, Recorded) else None


def _described(call: _Call) -> str:
    """The member, the event if it is about one, and where in the author's code it is."""
    event, who = call.event, ""
    outer: FrameType | None = call.caller
    while outer is not None and not who:
        named = outer.f_locals.get("user_id")
        event = event or _event_of(outer)
        who = event.user_id if event is not None else named if isinstance(named, str) else ""
        outer = outer.f_back
    about = f"member {who}" if who else "a member"
    at = "" if event is None else f", event at position {event.position}"
    code = call.called.f_code
    return f"{about}{at}: in {code.co_filename}, line {call.called.f_lineno}, {code.co_qualname}"


def _module(frame: FrameType) -> str:
    name: Any = frame.f_globals.get("__name__")
    return str(name)
