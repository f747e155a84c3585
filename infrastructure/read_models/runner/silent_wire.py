"""What ends a runner's wait for a database that has gone silent."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from temple_ledger.infrastructure.database.abort import cut

LET_GO_SECONDS: Final = 3.0
"""How long a runner that was asked to stop waits for the database."""

LOOK_SECONDS: Final = 0.2


@contextmanager
def cut_when_silent(
    stopping: Callable[[], bool], wires: Callable[[], Iterable[psycopg.Connection[Any]]]
) -> Iterator[None]:
    """While the block lasts: where it does not end within seconds once *stopping* is true, the *wires* are cut.

    A network that swallows everything would let it wait for good. What its transaction did is void then, as after a
    kill.
    """
    ended = threading.Event()

    def watch() -> None:
        while not (stopping() or ended.wait(LOOK_SECONDS)):
            pass
        ended.wait(LET_GO_SECONDS)
        while not ended.is_set():
            for connection in wires():
                cut(connection)
            ended.wait(LOOK_SECONDS)

    threading.Thread(target=watch, name="runner stop", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
