"""DSNs, as they may be shown, and as psql takes them without the password in its command line."""

from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from temple_ledger.domain.errors import DatabaseUnavailable

HIDDEN: Final = "********"
_SECRET: Final = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")


def shown(dsn: str) -> str:
    """As libpq writes it, `host=… dbname=…`, with stars for what is secret."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return f"{HIDDEN} (no DSN that can be read)"
    return make_conninfo("", **{name: HIDDEN if name in _SECRET else value for name, value in parts.items()})


def psql_environment(dsn: str) -> tuple[dict[str, str], str]:
    """Variables for libpq, and as a DSN what it takes from no variable. Raises DatabaseUnavailable."""
    variables: dict[str, str] = {}
    rest: dict[str, str] = {}
    try:
        options = Conninfo.parse(dsn.encode())
    except psycopg.Error:
        # the message of a malformed DSN repeats parts of it
        raise DatabaseUnavailable("the DSN cannot be read; write postgresql://user@host:port/name") from None
    for option in options:
        if option.val is None:
            continue
        name, value = option.keyword.decode(), option.val.decode()
        if option.envvar:
            variables[option.envvar.decode()] = value
        else:
            rest[name] = value
    return variables, make_conninfo("", **rest)
