"""Tasks of a loop that end for certain."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

CANCEL_SECONDS: Final = 0.5

Result = TypeVar("Result")


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
    """What *work* returns or raises; None, and *work* has ended, if *event* is set before."""
    working, waiting = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await ended([working, waiting])
        if not working.cancelled():
            working.exception()  # or else asyncio logs it, though the next try will


async def ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancels until they have: Python 3.11's `wait_for`, which discord.py connects with, can swallow a cancellation.

    Whoever is cancelled meanwhile waits all the same.
    """
    pending: set[asyncio.Task[Any]] = set(tasks)
    cancelled = False
    while pending:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=CANCEL_SECONDS)
        except asyncio.CancelledError:
            cancelled = True
        pending = {task for task in pending if not task.done()}
    if cancelled:
        raise asyncio.CancelledError
