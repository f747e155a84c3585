"""Text for a message of Discord: what people wrote stays what it is, and nobody is notified."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from temple_ledger.infrastructure.names.name import Names, PersonKind
from temple_ledger.infrastructure.observability.escaping import printable
from temple_ledger.infrastructure.queries.sentence import NamedTarget, Person, Quote, Sentence, Somebody
from temple_ledger.infrastructure.sources.discord.snowflake import is_snowflake

LONGEST: Final = 100
MOST_CHARACTERS: Final = 2_000
"""Of a message."""
_PUNCTUATION: Final = re.compile(r"([!-/:-@\[-`{-~])")


def escaped(text: str, longest: int = LONGEST) -> str:
    """In one line, no longer than that before it is escaped; no mark-up, no mention, no link."""
    shown = printable(text[: longest + 1])
    shown = shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
    return _PUNCTUATION.sub(r"\\\1", shown)


def person(user_id: str, names: Names) -> str:
    """The name where it is known; else a mention, which Discord shows as the name that it has itself."""
    found = names.get(user_id)
    if found is None:
        return f"<@{user_id}>" if is_snowflake(user_id) else escaped(user_id)
    bot = " (bot)" if found.kind is PersonKind.BOT else " (deleted account)" if found.kind is PersonKind.DELETED else ""
    return f"**{escaped(found.name)}**{bot}"


def instant(at: datetime | None) -> str:
    """In the zone of whoever reads it."""
    return "at an unknown time" if at is None else f"<t:{int(at.timestamp())}:f>"


def warning(caveat: str) -> str:
    """A line of its own, high in a message: what does not fit is cut off at its end."""
    return f"⚠ {escaped(f'{caveat[:1].upper()}{caveat[1:]}', longest=300)}."


def sentence(words: Sentence, names: Names) -> str:
    return "".join(_part(part, names) for part in words.parts)


def _part(part: object, names: Names) -> str:
    match part:
        case Person(user_id):
            return person(user_id, names)
        case NamedTarget(label):
            return f"**{escaped(label)}**"
        case Quote(text):
            return f"“{escaped(text)}”"
        case Somebody(text):
            return f"*{text}*"
        case _:
            return escaped(str(part), longest=300)


def message(lines: Iterable[str], more: str) -> str:
    """As many whole lines as fit; where some do not, *more* says where they are."""
    every: Sequence[str] = list(lines)
    whole = "\n".join(every)
    if len(whole) <= MOST_CHARACTERS:
        return whole
    shown: list[str] = []
    room = MOST_CHARACTERS - len(more) - 1
    for line in every:
        if len(line) + 1 > room:
            break
        shown.append(line)
        room -= len(line) + 1
    return "\n".join([*shown, more])
