"""A process that ends with the one that started it, whose end closes our stdin."""

import os
import sys
import threading


def end_with_parent(exit_code: int) -> None:
    """Returns at once. Our stdin has to be a pipe of the parent's, which carries nothing."""
    try:
        threading.Thread(target=_wait_and_end, args=(exit_code,), daemon=True).start()
    except RuntimeError as error:
        # it would be left behind
        sys.exit(f"temple: a process of the runner cannot begin: {error}")


def _wait_and_end(exit_code: int) -> None:
    # not through sys.stdin, whose lock the interpreter would wait for at its own end
    while os.read(0, 1):
        pass
    os._exit(exit_code)
