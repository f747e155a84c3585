"""A command that only reads, begun again: a standby cancels a question that is in the way of what it has to replay."""

import random
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import click

from temple_ledger.infrastructure.terminal.printing import pieces_written, print_note

PATIENCE_SECONDS: Final = 30.0
FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 2.0
ADVICE: Final = (
    "the standby cancels questions that are in the way of what it has to replay: set hot_standby_feedback = on there, "
    "or raise max_standby_streaming_delay; what was written is not whole"
)


def repeated_on_standby(context: Callable[[], click.Context], run: Callable[[click.Context], Any]) -> object:
    """What the command returns. Begun again, for some time, as long as nothing of its answer was written anywhere."""
    deadline, pause, before = time.monotonic() + PATIENCE_SECONDS, FIRST_PAUSE_SECONDS, _written()
    while True:
        ctx = context()
        try:
            with ctx:
                return run(ctx)
        except Exception as error:
            if not (getattr(ctx.obj, "reads_standby", False) and _passes(error)):
                raise
            if _written() != before or time.monotonic() + pause >= deadline:
                print_note(ADVICE)
                raise
        if pause == FIRST_PAUSE_SECONDS:
            print_note("the standby cancelled this question; asking again")
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- it only spreads those who ask at one moment
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _written() -> int:
    output = sys.modules.get("temple_ledger.infrastructure.log.output_file")
    return pieces_written() + (0 if output is None else output.OutputFile.written_through)


def _passes(error: Exception) -> bool:
    """Of the driver's errors, or what was made of one."""
    from temple_ledger.infrastructure.database.connection import passes

    return passes(error) or (error.__cause__ is not None and passes(error.__cause__))
