"""Who is erased: all ids of a person, and what stands in their place."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import psycopg

from temple_ledger.domain.errors import Refused, UnknownMember
from temple_ledger.infrastructure.database.statements import statement

Connection = psycopg.Connection[Any]
RelatedIds = Callable[[Connection, Sequence[str]], Iterable[str]]

NOBODY: Final = "guild"
"""Stands for the server where an event has no person: no person's id."""

ERASED: Final = "erased:"
_PERSONS_ID: Final = re.compile(r"[0-9]{15,20}|[a-z0-9]+:.+")
"""A Discord id, or another source's id under its name, as `patreon:123`."""

CORE_COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "snapshot_finding": ("user_id",),
    "trigger_member": ("user_id",),
}
"""Rows that are about a person, and are of no use without."""


@dataclass(frozen=True)
class PersonalTables:
    """`columns`, by table: a row goes in which one of them is the person. `notes`: keys of metadata that go."""

    columns: Mapping[str, Sequence[str]] = field(default_factory=lambda: CORE_COLUMNS)
    notes: Sequence[str] = ()
    ids_of: RelatedIds = lambda _, __: ()


def require_person(user_id: str) -> None:
    if user_id == NOBODY:
        raise Refused(f"{NOBODY} is no person: it stands for the server in events about roles")
    if not user_id.strip():
        raise Refused("an empty id is no person")
    if ERASED in user_id:
        raise Refused(f"{user_id} is a pseudonym already: the person it stood for was erased")


def require_person_of_ledger(connection: Connection, words: Sequence[str], own: int) -> None:
    """Of ids without an event of their own (*own*): they have to look like a person's, and be no role's.

    Anything else that stands in the log may be a role, a number or a word of somebody's note, and an erasure cannot be
    undone. Raises Refused, and UnknownMember.
    """
    if own:
        return
    (is_role,) = connection.execute(statement("erasure_is_role"), {"words": list(words)}).fetchall()[0]
    if is_role:
        raise Refused(f"{words[0]} is a role, and no person: events about roles have it as their target")
    if not any(_PERSONS_ID.fullmatch(each) for each in words):
        raise UnknownMember(words[0])


def ids_of_person(connection: Connection, ids: Sequence[str], personal: PersonalTables) -> tuple[list[str], bool]:
    """All ids of the person, the longest first, and whether they are of an erasure that was begun before."""
    found = set(ids)
    row = connection.execute(statement("erasure_open"), {"words": list(ids)}).fetchone()
    if row is not None:
        found |= set(row[1])
    return related_ids(connection, found, personal), row is not None


def related_ids(connection: Connection, ids: Iterable[str], personal: PersonalTables) -> list[str]:
    """With those that sources have for the same person, the longest first; an erasure that was begun is not asked."""
    found = set(ids)
    while more := {each for each in personal.ids_of(connection, sorted(found)) if each} - found:
        found |= more
    return sorted(found, key=lambda each: (-len(each), each))


def pseudonym_of(user_id: str) -> str:
    """What stands before a colon stays: `patreon:` says that the member has no Discord account."""
    kind, colon, _ = user_id.partition(":")
    return f"{kind}{colon}{ERASED}{uuid4()}" if colon and kind.isalnum() and kind.isascii() else f"{ERASED}{uuid4()}"
