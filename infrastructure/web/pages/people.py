"""Whom somebody means: by id, by mention, or by name as far as names are known."""

import re
from typing import Final

from temple_ledger.domain.errors import AmbiguousName, UnknownMember
from temple_ledger.infrastructure.database.pool import Connection
from temple_ledger.infrastructure.names.name import Names
from temple_ledger.infrastructure.queries.member import require_member
from temple_ledger.infrastructure.web.console import Console
from temple_ledger.infrastructure.web.pages.outsider import is_named

MENTION: Final = re.compile(r"<?@?!?(\d{1,20})>?")
MOST_FOUND: Final = 50
MOST_NAMED: Final = 5
"""Of several with one name, so many are listed."""


def id_in(text: str) -> str:
    """The id in a mention; whatever else is typed stays as it is."""
    exactly = MENTION.fullmatch(text)
    return text if exactly is None else exactly[1]


def called(console: Console, text: str) -> Names:
    return console.names.find(text.lstrip("@"), limit=MOST_FOUND).names


def person_meant(console: Console, connection: Connection, text: str) -> str:
    """The id of the one person. Raises UnknownMember and AmbiguousName."""
    user_id = id_in(text)
    try:
        require_member(connection, user_id)
    except UnknownMember:
        if is_named(connection, user_id):
            return user_id
        found = called(console, text)
        wanted = text.lstrip("@").casefold()
        exactly = {each: name for each, name in found.items() if name.name.casefold() == wanted}
        named = exactly or found
        if not named:
            raise
        if len(named) > 1:
            listed = {each: f"{name.name} ({each})" for each, name in list(named.items())[:MOST_NAMED]}
            raise AmbiguousName(text, listed, kind="people") from None
        [user_id] = named
    return user_id
