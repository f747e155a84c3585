"""Names that are nearly those of settings."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final

from temple_ledger.domain.near_kinds import within_one_edit

PREFIX: Final = "TEMPLE_"
NO_SETTINGS: Final = frozenset({"debug", "complete"})
"""Variables of ours that are read before there are settings."""
NEAR: Final = 0.8
"""How alike a name and that of a setting are before it is taken to be misspelt."""


def variable_of(setting: str) -> str:
    return f"{PREFIX}{setting}".upper()


def setting_meant(variable: str, known: Sequence[str]) -> str | None:
    """The setting that a variable in capitals most likely means; None for a variable of somebody else's.

    With our prefix, a name like that of a setting; with a prefix one letter off, the very name of one.
    """
    if variable.startswith(PREFIX):
        name = variable.removeprefix(PREFIX).lower()
        return None if name in NO_SETTINGS else nearest_setting(name, known)
    prefix, _, rest = variable.partition("_")
    if within_one_edit(f"{prefix}_", PREFIX) and rest.lower() in known:
        return rest.lower()
    joined = variable.replace("_", "")
    return next((each for each in known if variable_of(each).replace("_", "") == joined), None)


def nearest_setting(name: str, known: Iterable[str]) -> str | None:
    """One letter off, or a word shortened (`db_url`), or alike in most letters."""
    every = list(known)
    for each in every:
        if within_one_edit(name, each) or _is_short_for(name, each):
            return each
    return next(iter(get_close_matches(name, every, n=1, cutoff=NEAR)), None)


def _is_short_for(name: str, setting: str) -> bool:
    words, whole = name.split("_"), setting.split("_")
    return len(words) == len(whole) and all(map(_abbreviates, words, whole))


def _abbreviates(short: str, word: str) -> bool:
    """Whether it is the word, or some of its letters in order, the first among them."""
    letters = iter(word)
    return bool(short) and short[0] == word[:1] and all(letter in letters for letter in short)
