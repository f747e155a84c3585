"""The console at work: its connections, its server, and everything that ends with them."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from socket import socket
from typing import Any, Final

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.console_logins import (
    ACTIONS,
    READER,
    ROLES_OF,
    SIGN_IN,
    as_login,
    make_console_logins,
    require_only,
)
from temple_ledger.infrastructure.database.pool import Pool
from temple_ledger.infrastructure.database.standby import Replica
from temple_ledger.infrastructure.ingestion.webhooks.listening import host_in_url, is_this_machine_alone
from temple_ledger.infrastructure.ingestion.webhooks.server import Server
from temple_ledger.infrastructure.operating.wire import Actions
from temple_ledger.infrastructure.processes.sources import actors, installed_sources
from temple_ledger.infrastructure.read_models.gc_tuning import rare_collections
from temple_ledger.infrastructure.settings import Settings, list_settings
from temple_ledger.infrastructure.sources.sign_in import AccountSignIn
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.web.account_rights import RightsBook
from temple_ledger.infrastructure.web.app import ConsoleApp
from temple_ledger.infrastructure.web.console import Console
from temple_ledger.infrastructure.web.figures import Figures, read_head
from temple_ledger.infrastructure.web.live import Live
from temple_ledger.infrastructure.web.proxy import trusted_proxy
from temple_ledger.infrastructure.web.security import Place
from temple_ledger.infrastructure.web.sessions import Sessions
from temple_ledger.infrastructure.web.sign_in import SignIn

APPLICATION: Final = "temple web"
MOST_SIGNING_IN: Final = 4


@contextmanager
def serving(
    session: Session,
    door: Any,
    reader: Database,
    signer: Database,
    *,
    actions: Actions | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Server]:
    """On a socket of `listening`, while the block lasts. *clock*: when rights are asked for anew.

    Raises Refused where a login may do more than it has to, SettingsInvalid and DatabaseUnavailable.
    """
    with ExitStack() as stack:
        stack.callback(door.close)
        pool = Pool(reader, application=APPLICATION, read_only=True)
        stack.callback(pool.close)
        signing = Pool(signer, application=f"{APPLICATION} sign-in", read_only=False, most=MOST_SIGNING_IN)
        stack.callback(signing.close)
        _require_least(pool, ROLES_OF[READER])
        _require_least(signing, ROLES_OF[SIGN_IN])
        with pool.connection() as connection:
            Replica(signer, reader.name, DatabaseRole.LOGIN, "TEMPLE_WEB_DATABASE_URL").admit(connection)
        console, live = _made(session, pool, signing, actions)
        proxy, ways = trusted_proxy(session.settings), _ways(session)
        place = _place(session.settings, door, proxy.addresses)
        app = ConsoleApp(console, Sessions(console.sign_in, place, RightsBook(ways, clock=clock), proxy), live, ways)
        with pool.connection() as connection:
            console.figures.current(connection)
        # a page of thousands of rows made every fifth visit wait twice as long, for a look at all that lives
        with rare_collections(), Server(app.app, door) as server:
            try:
                yield server
            finally:
                # a stream would hold the server up for as long as its browser likes
                live.close()


def console_databases(session: Session) -> tuple[Database, Database]:
    """For reading and for signing in. The embedded server gets its two logins; elsewhere the settings name them.

    Raises Refused, with what is missing, and DatabaseUnavailable.
    """
    settings = session.settings
    reader, signer = settings.web_database_url, settings.web_sign_in_database_url
    if reader is not None and signer is not None:
        return (
            Database(reader.get_secret_value(), "the database of TEMPLE_WEB_DATABASE_URL"),
            Database(signer.get_secret_value(), "the database of TEMPLE_WEB_SIGN_IN_DATABASE_URL"),
        )
    if session.embedded is None or reader is not None or signer is not None:
        raise Refused(
            "the console logs in as two logins of its own: set TEMPLE_WEB_DATABASE_URL and "
            "TEMPLE_WEB_SIGN_IN_DATABASE_URL (docs/console.md has the SQL that makes them)"
        )
    database = session.database
    make_console_logins(database)
    return as_login(database, READER), as_login(database, SIGN_IN)


def actions_database(session: Session) -> Database:
    """For the process that carries out actions. Raises Refused, with what is missing, and DatabaseUnavailable."""
    given = session.settings.web_actions_database_url
    if given is not None:
        return Database(given.get_secret_value(), "the database of TEMPLE_WEB_ACTIONS_DATABASE_URL")
    if session.embedded is None:
        raise Refused(
            "actions have a login of their own: set TEMPLE_WEB_ACTIONS_DATABASE_URL (docs/console.md has the SQL)"
        )
    make_console_logins(session.database)
    return as_login(session.database, ACTIONS)


def _require_least(pool: Pool, roles: Collection[str]) -> None:
    with pool.connection() as connection:
        require_only(connection, roles)


def _made(session: Session, pool: Pool, signing: Pool, actions: Actions | None) -> tuple[Console, Live]:
    figures = Figures(pool)
    installed = installed_sources()
    console = Console(
        pool=pool,
        sign_in=SignIn(signing),
        names=session.names,
        figures=figures,
        sources=installed,
        actors=actors(),
        settings=session.settings,
        runs_as=session.runs_as,
        list_settings=lambda: list_settings(session.settings, installed.models(), session.flags),
        actions=actions,
    )
    return console, Live(_head_of(pool, figures))


def _place(settings: Settings, door: socket, proxies: frozenset[str]) -> Place:
    place = Place(door.getsockname()[1], settings.web_url, proxies)
    host = settings.web_host
    return replace(place, host=host_in_url(host)) if is_this_machine_alone(host) else place


def _ways(session: Session) -> dict[str, AccountSignIn]:
    """How people sign in with an account of a source. Raises SettingsInvalid."""
    found = ((each.name, each.sign_in(session.settings)) for each in installed_sources().sources)
    return {name: way for name, way in found if way is not None}


def _head_of(pool: Pool, figures: Figures) -> Callable[[], str]:
    """What moves when a page may show something else."""

    def read() -> str:
        with pool.connection() as connection:
            head, folded = read_head(connection)
        return f"{head}.{folded}.{figures.counts}"

    return read
