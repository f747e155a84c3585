"""Work in a thread ends before the one who waits for it does."""

import asyncio
import threading

import pytest

from temple_ledger.infrastructure.database.in_thread import in_thread


def test_whoever_is_cancelled_waits_for_the_thread_however_often() -> None:
    working, goes_on, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        working.set()
        assert goes_on.wait(60)
        done.set()

    async def cancelled() -> None:
        waiting = asyncio.create_task(in_thread(work))
        assert await asyncio.to_thread(working.wait, 10)
        for _ in range(3):
            waiting.cancel()
            await asyncio.wait([waiting], timeout=0.01)
            assert not waiting.done()
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert done.is_set()

    asyncio.run(cancelled())


def test_whoever_ends_the_loop_waits_for_the_thread() -> None:
    """`asyncio.run` cancels every task when the first one is over."""
    working, goes_on = threading.Event(), threading.Event()
    ended: list[str] = []

    def work() -> None:
        working.set()
        assert goes_on.wait(60)
        ended.append("thread")

    async def waits() -> None:
        try:
            await in_thread(work)
        finally:
            ended.append("who waits")

    async def first() -> asyncio.Task[None]:
        waiting = asyncio.create_task(waits())
        assert await asyncio.to_thread(working.wait, 10)
        asyncio.get_running_loop().call_later(0.01, goes_on.set)
        return waiting

    asyncio.run(first())
    assert ended == ["thread", "who waits"]


def test_it_returns_and_raises_what_the_work_does() -> None:
    def work(number: int, *, fails: bool) -> int:
        if fails:
            raise ValueError(number)
        return number

    assert asyncio.run(in_thread(work, 3, fails=False)) == 3
    with pytest.raises(ValueError, match="4"):
        asyncio.run(in_thread(work, 4, fails=True))
