"""`temple down`: what `temple up` has started comes to an end."""

from typing import Final

import click

from temple_ledger.domain.errors import Refused, StillRunning
from temple_ledger.infrastructure.commands.db import stopped
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.running import RunningProcess, running_processes
from temple_ledger.infrastructure.terminal.session import Session

PATIENCE_SECONDS: Final = 30.0


@click.command("down")
@click.pass_obj
def command(session: Session) -> None:
    """End what runs on this state directory, and stop the embedded database.

    A runner ends with the batch at hand; nothing that was committed is lost, and `temple up` goes on from
    there. Where there is nothing to end, it says so.

    \b
    Exit codes: 0 nothing of ours runs any more; 1 something did not end in 30 s; 5 it belongs to
    somebody else.
    """
    for each in running_processes(session.settings.home):
        _end(each)
    if session.embedded is None:
        print_line("TEMPLE_DATABASE_URL names a server that is not ours to stop")
    else:
        print_line(stopped(session.embedded))


def _end(each: RunningProcess) -> None:
    if not each.is_here:
        raise Refused(f"{each} runs on {each.host}: end it there")
    try:
        each.end()
    except PermissionError:
        raise Refused(f"{each} belongs to somebody else: end it as that account") from None
    if not each.ended(seconds=PATIENCE_SECONDS):
        raise StillRunning(
            f"{each} did not end in {PATIENCE_SECONDS:.0f} s; kill -9 {each.pid} loses nothing committed"
        )
    print_line(f"ended {each}")
