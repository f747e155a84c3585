"""Work that must come to an end: one that hangs fails its test, not the whole suite."""

import threading
from collections.abc import Callable

LONG = 30.0


def raised_by(work: Callable[[], object]) -> BaseException | None:
    """What *work* raises; AssertionError where it does not end."""
    found: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - that is what was asked for
            found.append(error)
        else:
            found.append(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LONG)
    assert found, "it does not end"
    return found[0]
