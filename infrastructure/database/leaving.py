"""Connections that were closed just now are still in the server's list for a moment, as if somebody were there."""

import time
from collections.abc import Callable
from typing import Final

LEAVING_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 0.05


def stays(is_there: Callable[[], bool]) -> bool:
    """Whether it is there for longer than a closed connection takes to leave."""
    deadline = time.monotonic() + LEAVING_SECONDS
    while is_there():
        if time.monotonic() >= deadline:
            return True
        time.sleep(AGAIN_SECONDS)
    return False
