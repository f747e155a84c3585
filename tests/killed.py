"""A child process that is killed by SIGKILL at its n-th exchange with the database, before or after it took place.

The driver is patched in the child, after a fork: each `Connection.wait` is one exchange. Killed after it, the server
has acted and nobody here knows; killed before it, nothing was sent.
"""

import os
import signal
from collections.abc import Callable
from typing import Any, Literal

import psycopg

Moment = Literal["before", "after"]


def run_killed(work: Callable[[], None], *, at: int, moment: Moment) -> bool:
    """Runs *work* in a child; whether the child was killed (False: it finished before its *at*-th exchange)."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            die_at(at, moment)
            work()
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended):
        assert os.WTERMSIG(ended) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(ended) == 0, "the child failed by itself"
    return False


def die_at(at: int, moment: Moment, how: int = signal.SIGKILL) -> None:
    """*how* SIGSTOP: frozen there, until somebody lets it go on."""
    wait = psycopg.Connection.wait
    seen, ours = 0, os.getpid()

    def counted(connection: Any, *arguments: Any, **named: Any) -> Any:
        nonlocal seen
        if os.getpid() != ours:
            # a worker of the child's own
            return wait(connection, *arguments, **named)
        seen += 1
        here = seen == at
        if here and moment == "before":
            os.kill(os.getpid(), how)
        result = wait(connection, *arguments, **named)
        if here and moment == "after":
            os.kill(os.getpid(), how)
        return result

    psycopg.Connection.wait = counted  # type: ignore[assignment,method-assign]
