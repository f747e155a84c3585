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
    if user_id.isascii() and user_id.isalnum():
        return None
    if _MENTION.match(user_id):
        return f"user_id {_short(user_id)} is a mention; give the id alone"
    if _NUMBER.fullmatch(user_id):
        return f"user_id {_short(user_id)} is a number that a spreadsheet has rounded; the id is lost there"
    if any(character.isspace() for character in user_id):
        return f"user_id {_short(user_id)} has a space inside"
    if any(unicodedata.category(character) in ("Cc", "Cf") for character in user_id):
        return f"user_id {_short(user_id)} has a character that cannot be seen"
    return None


_MENTION: Final = re.compile(r"<[@#]|@[!&]?\d+$")
_NUMBER: Final = re.compile(r"\d+[.,]\d+(?:[eE][+-]?\d+)?|\d+[eE]\+\d+")


def _short(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:40] + "…")
