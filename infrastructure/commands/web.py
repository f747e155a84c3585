"""`temple web`: the console, and links that sign somebody in to it."""

import os
import socket
import threading
from pathlib import Path
from typing import Final

import click

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.console_logins import ACTIONS, ROLES_OF, require_only
from temple_ledger.infrastructure.ingestion.webhooks.listening import is_this_machine_alone, listening, url_at
from temple_ledger.infrastructure.ingestion.webhooks.server import Server
from temple_ledger.infrastructure.log.output_file import PRIVATE, replaced
from temple_ledger.infrastructure.operating.process import carry_out, start_process
from temple_ledger.infrastructure.operating.wire import Actions
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.ports import CONSOLE, listening_for
from temple_ledger.infrastructure.terminal.printing import is_terminal, print_line, stdout
from temple_ledger.infrastructure.terminal.running import announce_running
from temple_ledger.infrastructure.terminal.service_manager import serve_until
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import Stop, stopped_by_signals
from temple_ledger.infrastructure.terminal.subcommands import WithVerbs
from temple_ledger.infrastructure.web.serving import actions_database, console_databases, serving
from temple_ledger.infrastructure.web.sign_in import LINK_SECONDS, make_link

LINK_FILE: Final = "console-link"


@click.command("web", cls=WithVerbs)
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="0 takes a free one.  [default: 8420; env: TEMPLE_WEB_PORT]"
)
@click.option(
    "--allow-actions", is_flag=True, help="Let whoever has the right pause, resume, retry, repair and replay."
)
@click.option("--socket", "descriptor", type=int, hidden=True, help="A socket that listens already.")
@click.pass_obj
def command(session: Session, port: int | None, allow_actions: bool, descriptor: int | None) -> int:
    """The console: pages about the ledger, in a browser on this machine. It reads, and changes nothing, unless you
    allow actions: a second process carries them out, with a login of its own.

    It logs in to the database as two logins of its own, which may do no more than that; of the embedded database it
    makes them. It listens on this machine only: for others, put a proxy with TLS in front, and set TEMPLE_WEB_URL.
    On a terminal it prints a link that signs you in, once, within ten minutes; temple web link makes another one.

    \b
    Examples:
      temple web
      temple web --port 0
      temple web --allow-actions
    \b
    Exit codes: 0 stopped; 1 it cannot listen there, or ended by itself; 4 no database; 5 a login is missing,
    or may do more than it has to.
    """
    reader, signer = console_databases(session)
    actions = _actions(session) if allow_actions else None
    with stopped_by_signals() as stop, _door(session, port, descriptor) as door:
        session.is_service()
        if descriptor is not None:
            _ends_with_its_starter(stop)
        with (
            announce_running(session.settings.home, "web"),
            serving(session, door, reader, signer, actions=actions) as server,
        ):
            if descriptor is None:
                _announce(session, server, signer)
            else:
                print_line("ready")
            alive = serve_until(stop, lambda: server.alive)
    if actions is not None:
        actions.close()
    if not alive:
        session.note("the server of the console ended by itself")
    return ExitCode.OK if alive else ExitCode.FAILED


def _actions(session: Session) -> Actions:
    """Raises Refused where the login for actions is missing or may do more than it has to, and DatabaseUnavailable."""
    database = actions_database(session)
    with database_errors("looking at the login for actions"), database.connect(DatabaseRole.LOGIN) as connection:
        require_only(connection, ROLES_OF[ACTIONS])
    return Actions(lambda: start_process(session.settings, database))


@command.verb
@click.command("actions", hidden=True)
@click.option("--socket", "descriptor", type=int, required=True)
@click.pass_obj
def actions(session: Session, descriptor: int) -> None:
    """What `temple web --allow-actions` starts beside itself: carries out what comes over the socket."""
    with socket.socket(fileno=descriptor) as connection:
        session.is_service()
        carry_out(connection, session.database, session.settings)


@command.verb
@click.command("link")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this file, for your account only. Off a terminal it is written to console-link in the state "
    "directory, and its path is printed.",
)
@click.pass_obj
def link(session: Session, output: Path | None) -> None:
    """Make a link that signs you in to the console of this machine, once, within ten minutes.

    \b
    Example:
      temple web link
    """
    _, signer = console_databases(session)
    made = sign_in_link(session, signer, console_url(session, session.settings.web_port))
    if output is None and is_terminal(stdout()):
        print_line(made)
        return
    print_line(str(save_link(session, made, output)))


def console_url(session: Session, port: int) -> str:
    """Where people reach it."""
    return session.settings.web_url or url_at(session.settings.web_host, port)


def sign_in_link(session: Session, signer: Database, url: str) -> str:
    """A new one. Raises DatabaseUnavailable."""
    with (
        database_errors("making a link"),
        signer.connect(DatabaseRole.LOGIN, application="temple web link") as connection,
    ):
        return f"{url}/sign-in/{make_link(connection, f'local:{session.operator}')}"


def save_link(session: Session, made: str, file: Path | None = None) -> Path:
    """For the account of the ledger only: whoever reads a link may use it."""
    if file is None:
        session.settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = session.settings.home / LINK_FILE
    with replaced(file, mode=PRIVATE) as written:
        written.write(f"{made}\n")
    file.chmod(PRIVATE)
    return file


def open_door(session: Session, port: int | None) -> socket.socket:
    """Raises CannotListen, and Refused for an address that is not this machine's own."""
    settings = session.settings
    host, port = settings.web_host, settings.web_port if port is None else port
    with listening_for(CONSOLE):
        if not is_this_machine_alone(host) and (settings.web_url is None or settings.web_proxies is None):
            raise Refused(
                f"the console does not listen on {host}, but on addresses of this machine alone, such as 127.0.0.1; "
                "for others, put a proxy with TLS in front of it, and set TEMPLE_WEB_URL; where the proxy is on "
                "another machine, set TEMPLE_WEB_PROXIES to its address as well: nobody else is answered then"
            )
        return listening(host, port)


def _door(session: Session, port: int | None, descriptor: int | None) -> socket.socket:
    return open_door(session, port) if descriptor is None else socket.socket(fileno=descriptor)


def _ends_with_its_starter(stop: Stop) -> None:
    """Whoever started us holds the other end of our stdin: when it is closed, there is nobody any more."""

    def wait() -> None:
        # not through sys.stdin, whose lock the interpreter would wait for at its own end
        while os.read(0, 1):
            pass
        stop()

    threading.Thread(target=wait, name="starter", daemon=True).start()


def _announce(session: Session, server: Server, signer: Database) -> None:
    url = console_url(session, server.port)
    print_line(f"console     {url}")
    if is_terminal(stdout()):
        print_line(f"sign in     {sign_in_link(session, signer, url)}")
        session.note(f"the link is good once, for {LINK_SECONDS // 60} minutes; another one: temple web link")
    else:
        session.note("to sign in: temple web link")
