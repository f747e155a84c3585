"""Work that must come to an end: one that hangs fails its test, not the whole suite."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

LONG = 30.0

Result = TypeVar("Result")


def result_of(work: Callable[[], Result]) -> Result:
    """What *work* returns, or raises; TimeoutError where it does not end."""
    return _begun(work).result(LONG)


def raised_by(work: Callable[[], object]) -> BaseException | None:
    """What *work* raises; TimeoutError where it does not end."""
    return _begun(work).exception(LONG)


def _begun(work: Callable[[], Result]) -> "Future[Result]":
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - that is what was asked for
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome
