"""A DSN as libpq's programs take it, without the password in their command line."""

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from temple_ledger.domain.errors import DatabaseUnavailable


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
