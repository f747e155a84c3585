"""The process that carries out actions for a console: with a login of its own, on one end of a socket pair."""

import os
import socket
import subprocess
import sys
import threading
from functools import partial
from typing import Final

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.operating.jobs import Jobs
from temple_ledger.infrastructure.operating.operator import Operator
from temple_ledger.infrastructure.operating.sealed_log import require_sealed
from temple_ledger.infrastructure.operating.wire import serve
from temple_ledger.infrastructure.processes.console_child import environment_of_console
from temple_ledger.infrastructure.settings import Settings

LOOK_SECONDS: Final = 20.0


def start_process(settings: Settings, database: Database) -> socket.socket:
    """It ends when the socket that is returned is closed, after what it is at."""
    ours, theirs = socket.socketpair()
    with theirs:
        subprocess.Popen(
            [sys.executable, "-P", "-m", "temple_ledger.cli", "web", "actions", "--socket", str(theirs.fileno())],
            env={**environment_of_console(settings, os.environ), "TEMPLE_DATABASE_URL": database.dsn},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    return ours


def carry_out(connection: socket.socket, database: Database, settings: Settings) -> None:
    """Until the console's end is closed, and everything that was begun has ended."""
    operator = Operator(database, partial(require_sealed, database, settings))
    jobs, ended = Jobs(operator.perform), threading.Event()

    def forget() -> None:
        while not ended.wait(LOOK_SECONDS):
            operator.previews.forget_old()

    thread = threading.Thread(target=forget, name="previews", daemon=True)
    thread.start()
    try:
        serve(connection, jobs)
    finally:
        jobs.finish()
        ended.set()
        thread.join()
