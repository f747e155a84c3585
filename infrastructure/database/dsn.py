"""A DSN as libpq's programs take it, without the password in their command line."""

import re
from difflib import get_close_matches
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from temple_ledger.domain.errors import DatabaseUnavailable

FORM: Final = "write postgresql://user@host:port/name"
FAULTS: Final = {
    'missing "="': "it begins neither with postgresql:// nor with a word such as host=",
    "missing key/value separator": "behind its ? there is an option without a =",
    "extra key/value separator": "behind its ? there is an option with two =; write %3D for one of a value",
    "invalid percent-encoded token": "it has a % that is no code of a character; write %25 for the character itself",
    "forbidden value %00": "it has %00 in it",
    "unexpected spaces": "it has a space in it; write %20",
    "unterminated quoted string": "a quote in it does not end",
    "end of string reached": "an address in it has a [ and no ]",
    "unexpected character": "something stands behind the ] of an address that belongs somewhere else",
}
"""How messages of libpq begin, which go on with what may be a password, and what they mean."""


def fault_of(dsn: str) -> str | None:
    """Why libpq cannot read it, without anything that may be a secret; None if it can."""
    try:
        conninfo_to_dict(dsn)
    except UnicodeEncodeError:
        return "it is not UTF-8"
    except psycopg.Error as error:
        message = str(error)
        option = re.match(r'invalid (?:URI query parameter:|connection option) "(.*?)"', message)
        if option is not None:
            return _unknown_option(option[1], dsn)
        return next((fault for begins, fault in FAULTS.items() if message.startswith(begins)), "it has no such form")
    return None


def unreadable(name: str, fault: str | None) -> DatabaseUnavailable:
    fault = fault or "it has no such form"
    return DatabaseUnavailable(f"the DSN of {name} cannot be read: {fault}{'' if fault.endswith('?') else f'; {FORM}'}")


def _unknown_option(name: str, dsn: str) -> str:
    """It may be a part of a password, unless it is nearly an option or stands where no password can."""
    options = [option.keyword.decode() for option in Conninfo.get_defaults()]
    near = get_close_matches(name, options, n=1, cutoff=0.7)
    if near:
        return f"there is no option {name!r}; did you mean {near[0]}?"
    is_behind = "@" in dsn and name in dsn.rpartition("@")[2]
    if is_behind or ("@" not in dsn and "password" not in dsn):
        return f"there is no option {name!r}"
    return "it has an option that does not exist; a password with special characters is written with %"


def psql_environment(dsn: str, *, name: str) -> tuple[dict[str, str], str]:
    """Variables for libpq, and as a DSN what it takes from no variable. *name*: what the database is called.

    Raises DatabaseUnavailable.
    """
    variables: dict[str, str] = {}
    rest: dict[str, str] = {}
    try:
        options = Conninfo.parse(dsn.encode())
    except (psycopg.Error, UnicodeEncodeError):
        # the message of a malformed DSN repeats parts of it
        raise unreadable(name, fault_of(dsn)) from None
    for option in options:
        if option.val is None:
            continue
        keyword, value = option.keyword.decode(), option.val.decode()
        if option.envvar:
            variables[option.envvar.decode()] = value
        else:
            rest[keyword] = value
    return variables, make_conninfo("", **rest)
