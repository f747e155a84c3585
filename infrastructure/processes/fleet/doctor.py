"""The checks of a fleet: each ledger is reached, is the one the file means, and is closed to the others' logins."""

from collections.abc import Iterator, Sequence
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.doctor import log
from temple_ledger.infrastructure.observability.doctor.finding import Check, CheckOutcome, fail, ok, warn
from temple_ledger.infrastructure.processes.fleet.file import Fleet, FleetLedger
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession, guild_in, require_guild

APPLICATION: Final = "temple fleet"
REFUSED: Final = "permission denied for database"


def check_ledger(session: LedgerSession, fleet: Fleet) -> Sequence[Check]:
    """Of one ledger; what cannot be checked has failed."""
    try:
        return list(_checks(session, fleet))
    except LedgerError as error:
        return [fail("ledger", f"could not be checked: {error}", "see what it says")]


def _checks(session: LedgerSession, fleet: Fleet) -> Iterator[Check]:
    database = session.database
    found = log.reachable(database)
    yield found
    if found.outcome is CheckOutcome.FAIL:
        return
    with database.look(application=APPLICATION) as connection:
        migrated = log.check_migrations(connection)
        yield migrated
        rights = connection.execute(statement("fleet_connect_rights")).fetchone()
    if migrated.outcome is not CheckOutcome.FAIL:
        yield _guild(session, database)
    if fleet.is_shared(session.ledger) and rights is not None:
        yield _closed(*rights)
        yield from _others(session.ledger, fleet)


def _guild(session: LedgerSession, database: Database) -> Check:
    try:
        require_guild(database, session.ledger)
    except LedgerError as error:
        return fail("guild", str(error), "put the DSN of this guild's ledger into the file")
    with database.connect(DatabaseRole.READ, application=APPLICATION) as connection:
        found = guild_in(connection)
    if session.ledger.guild is None:
        return warn("guild", found or "none yet", "write it into the file: then no other ledger is taken for this one")
    return ok("guild", session.ledger.guild if found else f"{session.ledger.guild}, of which nothing came yet")


def _closed(everybody: bool, database: str, login: str) -> Check:
    """On a server that others use: whoever may log in there has no way into this database."""
    if not everybody:
        return ok("connect", f"{database} is closed to everybody but its own logins")
    name, own = _quoted(database), _quoted(login)
    return fail(
        "connect",
        f"every login of this server may connect to {database}",
        f"as its owner run: grant connect on database {name} to {own}; revoke connect on database {name} from public;",
    )


def _others(ledger: FleetLedger, fleet: Fleet) -> Iterator[Check]:
    """Tried, and not only read: the next ledger's login on this one's database."""
    there = [each for each in fleet.ledger if each.server == ledger.server]
    other = there[(there.index(ledger) + 1) % len(there)]
    if _login(other) == _login(ledger):
        if other is not ledger:
            yield fail(
                "logins", f"{ledger.name} and {other.name} have one login", "give each ledger a login of its own"
            )
        return
    try:
        psycopg.connect(_dsn(other, ledger), application_name=APPLICATION, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        if REFUSED in str(error):
            yield ok("logins", f"the login of {other.name} is refused here")
        else:
            yield warn("logins", f"the login of {other.name} could not be tried here", "see pg_hba.conf and its log")
    else:
        yield fail("logins", f"the login of {other.name} may connect to {ledger.name}", "see the check connect")


def _dsn(login_of: FleetLedger, database_of: FleetLedger) -> str:
    return make_conninfo(login_of.dsn.get_secret_value(), dbname=database_of.place[1])


def _login(ledger: FleetLedger) -> str:
    return str(conninfo_to_dict(ledger.dsn.get_secret_value()).get("user") or "")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
