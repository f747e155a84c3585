"""A sentence of ours as a page shows it: with a capital and a full stop, and apart from the command that it ends with.

The sentences are written for a terminal. Whoever looks at a page has none, as a rule: the commands are for whoever runs
the ledger.
"""

import re
from typing import Final, NamedTuple

from temple_ledger.domain.errors import LedgerError, UnknownName
from temple_ledger.projections.registry import carried

_COMMAND: Final = re.compile(r"\btemple(?: [a-z-]+)+|--[a-z]")
_ADVICE: Final = re.compile(r"; |: | \(")
"""What stands between what is wrong and what to type about it."""
_ENDS: Final = (".", "!", "?", "…", ":")


class Wording(NamedTuple):
    """`advice` has a command in it; empty where there is none."""

    what: str
    advice: str = ""


def wording(sentence: str) -> Wording:
    found = _COMMAND.search(sentence)
    if found is None:
        return Wording(as_sentence(sentence))
    before = sentence[: found.start()]
    gap = next((each for sign in ("; ", ": ", " (") if (each := _last(before, sign)) is not None), None)
    if gap is None:
        return Wording("", sentence.strip())
    return Wording(as_sentence(sentence[: gap[0]]), sentence[gap[1] :].strip())


def as_sentence(text: str) -> str:
    """With a capital where it begins with a word, and not with the name of a projection; and a full stop."""
    text = text.strip()
    first = text.partition(" ")[0]
    if first.isalpha() and first.islower() and first not in {each.name for each in carried()}:
        text = text[:1].upper() + text[1:]
    return text if not text or text.endswith(_ENDS) else f"{text}."


def wording_of(error: LedgerError) -> Wording:
    """How to find what is not there is said by links on a page, not by a command."""
    if not isinstance(error, UnknownName):
        return wording(str(error))
    near = f" Did you mean {', '.join(error.near)}?" if error.near else ""
    return Wording(f"There is no {error.kind} “{error.name}”.{near}")


def _last(text: str, sign: str) -> tuple[int, int] | None:
    """Where it stands for the last time: from, to."""
    found = text.rfind(sign)
    return None if found < 0 else (found, found + len(sign))
