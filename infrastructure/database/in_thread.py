"""Waiting questions to the database, asked from a loop that must not wait."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


async def in_thread(work: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
    """Like `asyncio.to_thread`, but it does not end before *work* has, also when it is cancelled.

    So a connection that the caller holds is never closed under the hands of the thread that uses it, and what was begun
    is over before anything else begins. What *work* then returns or raises is gone.
    """
    # not a task: whoever ends the loop cancels every task
    working = asyncio.get_running_loop().run_in_executor(None, partial(work, *args, **kwargs))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        while not working.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([working])
        raise
