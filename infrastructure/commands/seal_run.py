"""`temple seal run`: the sealer."""

import threading

import click

from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.database.migrations import require_current
from temple_ledger.infrastructure.database.service_logins import SEAL
from temple_ledger.infrastructure.processes.sealing import head_file, seal
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.seals.status import seal_status
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.running import announce_running
from temple_ledger.infrastructure.terminal.service_manager import Watchdog, notify_service_manager
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import Stop, stopped_by_signals

ALIVE_SECONDS = 0.2


@click.command("run")
@click.option("--until-sealed", is_flag=True, help="End once all that is in the log by now is sealed.")
@click.pass_obj
def run(session: Session, until_sealed: bool) -> int:
    """Seal the log as it grows, and what was there before; `temple up` does the same.

    Each thousand events are sealed at once, fewer after TEMPLE_SEAL_EVERY_SECONDS. The head of the chain is
    appended to a file in the state directory, logged, and sent to TEMPLE_SEAL_WEBHOOK where that is set. Several
    may run: one seals, the next takes over when it is gone. Ctrl-C or SIGTERM ends it.

    \b
    Examples:
      temple seal run
      temple seal run --until-sealed
    \b
    Exit codes: 0 ended by a signal, or all is sealed; 4 no database; 5 the login may not act as temple_seal or is
    the owner, or the database does not fit this version; 130 interrupted before all was sealed.
    """
    session.serves_as(SEAL)
    with session.database.connect(DatabaseRole.SEAL, application="temple seal") as connection:
        require_current(connection)
    if not until_sealed:
        session.is_service()
    with stopped_by_signals() as stop, announce_running(session.settings.home, "seal run"):
        if not until_sealed:
            session.note(f"sealing; heads go to {head_file(session.settings)}; Ctrl-C ends it")
        notify_service_manager("READY=1")
        _seal(session, stop, until_sealed=until_sealed)
        notify_service_manager("STOPPING=1")
    if until_sealed and stop.asked:
        return ExitCode.INTERRUPTED
    with snapshot(session.database) as connection:
        print_line(seal_status(connection).sentence)
    return ExitCode.OK


def _seal(session: Session, stop: Stop, *, until_sealed: bool) -> None:
    """In a thread, so that this one can report that it is alive. Raises what the sealer raises."""
    ending = threading.Event()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            seal(session, ending, until_sealed=until_sealed)
        except BaseException as error:  # noqa: BLE001 -- raised again below, where the command ends
            failed.append(error)

    stop.calls(ending.set)
    thread = threading.Thread(target=work, name="seal")
    thread.start()
    watchdog = Watchdog()
    while thread.is_alive():
        watchdog()
        thread.join(ALIVE_SECONDS)
    if failed:
        raise failed[0]
