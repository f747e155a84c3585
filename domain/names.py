"""Names and ids as people type and paste them."""

import re
import unicodedata
from typing import Final


def tidied(text: str) -> str:
    """Without spaces around it, its letters in one form (NFC): what looks the same is the same."""
    stripped = text.strip()
    return stripped if stripped.isascii() else unicodedata.normalize("NFC", stripped)


def why_no_member(user_id: str) -> str | None:
    """A sentence where this cannot be the id of a member, but is what tools make of one; None where it may be."""
    if user_id.isascii() and user_id.isdigit():
        return None
    wrong = why_no_id("user_id", user_id)
    if wrong is not None:
        return wrong
    if any(character.isspace() for character in user_id):
        return f"user_id {_short(user_id)} has a space inside"
    if any(unicodedata.category(character) in ("Cc", "Cf") for character in user_id):
        return f"user_id {_short(user_id)} has a character that cannot be seen"
    return None


def why_no_id(column: str, text: str) -> str | None:
    """A sentence where *text* is neither an id nor a name, but what tools make of one; None where it may be either."""
    if text.isdigit():
        return None if text.isascii() else f"{column} {_short(text)} has digits that are not 0 to 9; write those"
    if text.casefold() in _EVERYBODY:
        return f"{column} {_short(text)} is everybody in the server, not one role or person; leave the event out"
    if _MENTION.match(text):
        return f"{column} {_short(text)} is a mention; give the id alone"
    if _EMAIL.fullmatch(text):
        return f"{column} {_short(text)} is an e-mail address; give the id"
    if _TAG.search(text):
        return f"{column} {_short(text)} is the tag of an account, which changes; give the id"
    if text.startswith("'") and text[1:].isdigit():
        return f"{column} {_short(text)} begins with the apostrophe of a spreadsheet; give the digits alone"
    if _NUMBER.fullmatch(text):
        return f"{column} {_short(text)} is a number that a spreadsheet has rounded; the id is lost there"
    if _WITHIN.search(text):
        return f"{column} {_short(text)} has an id and more; give the id alone"
    if _GROUPED.search(text):
        return (
            f"{column} {_short(text)} has its digits in groups, as a spreadsheet writes numbers; give the digits alone"
        )
    if text.casefold() in _NOTHING:
        return f"{column} {_short(text)} is what a program writes where there is none; give the id, or leave it out"
    return None


def is_near_name(key: str, name: str) -> bool:
    """Whether a key of metadata is another one in other letters: `granted_By`, `grantedBy`, `granted-by`."""
    return key != name and _letters(key) == _letters(name)


_MENTION: Final = re.compile(r"<[@#]|@")
_EVERYBODY: Final = frozenset({"@everyone", "@here"})
_TAG: Final = re.compile(r"#\d{4}$")
_NUMBER: Final = re.compile(r"\d+[.,]\d+(?:[eE][+-]?\d+)?|\d+[eE]\+\d+")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.\w+")
_WITHIN: Final = re.compile(r"(?<!\w)(?<!\w:)\d{15,20}(?!\w)")
"""An id among other characters. A prefix such as `forum:` makes it the id of another platform."""
_GROUPED: Final = re.compile(r"(?<!\d)\d{1,3}(?:[.,'’\s]\d{3}){4,}(?!\d)")
_NOTHING: Final = frozenset(
    {
        *("null", "none", "nil", "nan", "undefined", "(null)", "\\n", "-", "\u2013", "\u2014", "?"),
        *("n/a", "#n/a", "#nv", "#ref!", "#value!", "#name?", "#div/0!", "#num!", "#null!"),
        *("#bezug!", "#wert!", "#zahl!"),
    }
)


def _letters(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")


def _short(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:40] + "…")
