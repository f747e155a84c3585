"""`temple fleet listen`: the listeners of many ledgers in one process."""

from pathlib import Path

import click

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.processes.fleet.at_work import work_until
from temple_ledger.infrastructure.processes.fleet.chosen import fleet_of, of_fleet, sessions_of
from temple_ledger.infrastructure.processes.fleet.listen import END_SECONDS, ListeningLedger, listeners_of
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.running import announce_running
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import stopped_by_signals


@click.command("listen")
@of_fleet
@click.pass_obj
def listen(session: Session, ledgers: tuple[str, ...], file: Path | None) -> int:
    """Listen to Discord for all ledgers in one process: temple discord listen, once for each that has a token.

    Each has a session of its own with its own bot, and a buffer of its own. A ledger whose database is down, or a guild
    whose gateway is away, is tried again by itself; the others do not notice. Ctrl-C or SIGTERM lets each store what
    waits.

    \b
    Example:
      temple fleet listen
    \b
    Exit codes: 0 stopped; 2 the file cannot be read; 5 others may read it, or no ledger has a token.
    """
    sessions = sessions_of(session, fleet_of(session, file), ledgers)
    found = [(each, listeners) for each in sessions if (listeners := listeners_of(each))]
    if not found:
        raise Refused("no ledger of the file has a token to listen with; put it into its settings, as discord_token")
    for ledger_session, listeners in found:
        for worker in listeners:
            if worker.login is not None:
                ledger_session.serves_as(worker.login)
    session.is_service()
    listening = [ListeningLedger(each) for each, _ in found]
    with stopped_by_signals() as stop, announce_running(session.settings.home, "fleet listen"):
        work_until(stop, session, listening, does="listening for", end_seconds=END_SECONDS)
    return ExitCode.OK
