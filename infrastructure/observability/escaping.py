"""What data may carry and no terminal, log line or metric label may get: characters that steer, hide or reorder text.

Data is ids, names and whatever else somebody sent. Each such character is shown as an escape, such as `\\x1b`.
"""

import re
from typing import Final

_CONTROL: Final = "\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
"""C0 (with ESC, BEL, CR and LF), DEL, C1, the separators of lines and paragraphs, lone surrogates."""

_INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Bidi overrides, isolates and marks, zero-width and other characters that show nothing of themselves."""

_EMOJI: Final = "\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff"
_UNSAFE: Final = re.compile(f"(?!(?<=[{_EMOJI}])\u200d[{_EMOJI}])[{_CONTROL}{_INVISIBLE}]")
"""But not a joiner between two emoji: they are one picture."""

_ESCAPE: Final = re.compile(r"\\(?:[nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_SHORT: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str) -> str:
    """*text* in one line that shows every character it has. What was escaped already stays as it is."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escape, text)


def printable_label(text: str) -> str:
    """As `printable`, and two different texts never become the same one: a backslash that could be taken for the
    beginning of an escape is doubled."""
    escaped = printable(text)
    if escaped == text and not _ESCAPE.search(text):
        return text
    return printable(text.replace("\\", "\\\\"))


def printable_json(document: str) -> str:
    """JSON that stands for the same values, in characters that a terminal may get."""
    if document.isascii() and "\x7f" not in document:
        return document
    return _UNSAFE.sub(_escape_json, document)


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    number = ord(found)
    form = "\\x{:02x}" if number <= 0xFF else "\\u{:04x}" if number <= 0xFFFF else "\\U{:08x}"
    return _SHORT.get(found) or form.format(number)


def _escape_json(match: re.Match[str]) -> str:
    found = match[0]
    if found in "\n\r\t":
        # white space between values: within a string, JSON has none of it
        return found
    units = found.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2]):04x}" for at in range(0, len(units), 2))
