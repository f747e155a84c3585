"""DSNs, as they may be shown."""

from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

HIDDEN: Final = "********"
_SECRET: Final = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")


def shown(dsn: str) -> str:
    """As libpq writes it, `host=… dbname=…`, with stars for what is secret."""
    try:
        parts = conninfo_to_dict(dsn)
    except (psycopg.ProgrammingError, UnicodeEncodeError):
        return f"{HIDDEN} (no DSN that can be read)"
    return make_conninfo("", **{name: HIDDEN if name in _SECRET else value for name, value in parts.items()})
