"""`./temple chaos`: faults against a ledger at work, and whether anything was lost."""

import json
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import click

from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from tests.chaos.plan import KINDS
from tests.chaos.report import Report, as_data, lines
from tests.chaos.run import run
from tests.tools import in_ci

SEED = 1


@click.command("chaos")
@click.option("--seconds", type=click.FloatRange(min=0), default=60.0, show_default=True, help="How long it rages.")
@click.option("--seed", type=int, default=SEED, show_default=True, help="Which faults, in which order.")
@click.option("--fault", "kinds", type=click.Choice(KINDS), multiple=True, help="Only this kind; may be repeated.")
@click.option("--keep", type=click.Path(path_type=Path), help="Copy what the processes printed to this new folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: an object with `data`.")
def main(seconds: float, seed: int, kinds: tuple[str, ...], keep: Path | None, as_json: bool) -> None:
    """Put a ledger to work on a server of its own, inject faults, and see whether anything was lost.

    Appenders, senders, runners and operators work; processes are killed, the server crashes, the disk is full.
    Afterwards everything that was acknowledged must be there once, and the tables must be what a second, slow
    fold of the log says. It takes the time that is asked for, and until each kind of fault came once.
    Nothing of yours is touched: folder, server and ports are its own, and it ends only what it started.

    \b
    Examples:
      ./temple chaos
      ./temple chaos --seconds 3600 --seed 7 --json
      ./temple chaos --seconds 20 --fault "server crashed"
    \b
    Exit codes: 0 nothing lost, nothing wrong; 1 it failed itself, or, with CI=true, a kind of fault was not
    injected; 3 something was lost or is wrong; 5 TEMPLE_DATABASE_URL is set, or TEMPLE_HOME is there already;
    130 interrupted.
    """
    _require_nobodys()
    signal.signal(signal.SIGTERM, _end)
    # connections are lost all the time
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    try:
        report = run(seed, seconds, frozenset(kinds or KINDS), keep=keep, say=lambda text: click.echo(text, err=True))
    except KeyboardInterrupt:
        click.echo("temple: interrupted; what was started is ended", err=True)
        sys.exit(ExitCode.INTERRUPTED)
    if as_json:
        click.echo(json.dumps({"data": as_data(report)}, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(lines(report)))
    sys.exit(_code(report))


def _code(report: Report) -> int:
    if report.found.lost or report.found.wrong:
        return ExitCode.FOUND
    if report.broken or (report.absent and in_ci()):
        return ExitCode.FAILED
    return ExitCode.OK


def _require_nobodys() -> None:
    """What is somebody's is not stormed."""
    home = os.environ.get("TEMPLE_HOME")
    reason = None
    if os.environ.get("TEMPLE_DATABASE_URL"):
        reason = "TEMPLE_DATABASE_URL is set: chaos has a server of its own; unset it and call again"
    elif home and Path(home).exists():
        reason = (
            f"TEMPLE_HOME is {home}, which is there already: chaos has a folder of its own; unset it and call again"
        )
    if reason is not None:
        click.echo(f"temple: {reason}", err=True)
        sys.exit(ExitCode.REFUSED)


def _end(_: int, __: FrameType | None) -> None:
    """So that what was started is ended, and the folder removed."""
    sys.exit(143)


if __name__ == "__main__":
    main()
