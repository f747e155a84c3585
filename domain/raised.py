"""What an exception says, as a text that a database, a log and a terminal take: an author's may say anything."""

from typing import Final

from temple_ledger.domain.errors import LedgerError

LONGEST: Final = 2_000
"""Characters of what an exception says."""


def describe_raised(error: BaseException) -> str:
    """Its class, and what it says: `TypeError: …`."""
    text = _text_of(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def describe_error(error: BaseException) -> str:
    """The sentence of an error of ours; of any other one its class, too."""
    return _text_of(error) if isinstance(error, LedgerError) else describe_raised(error)


def whole_text(text: str) -> str:
    """*text* without what no text in PostgreSQL has: half of a character, and NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def _text_of(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as another:  # noqa: BLE001 - an author's class: that it cannot be shown is what is shown
        return f"(its text cannot be made: {type(another).__name__})"
    return whole_text(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")
