"""Which of the known names somebody may have meant."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from temple_ledger.domain.near_kinds import within_one_edit

NEAR: Final = 0.8
"""How alike a name and a known one are before it is taken to be misspelt."""


def nearest_name(name: str, known: Sequence[str]) -> str | None:
    """One letter off, or a word shortened (`db_url`), or alike in most letters."""
    for each in known:
        if within_one_edit(name, each) or _is_short_for(name, each):
            return each
    return next(iter(get_close_matches(name, known, n=1, cutoff=NEAR)), None)


def _is_short_for(name: str, setting: str) -> bool:
    words, whole = name.split("_"), setting.split("_")
    return len(words) == len(whole) and all(map(_abbreviates, words, whole))


def _abbreviates(short: str, word: str) -> bool:
    """Whether it is the word, or some of its letters in order, the first among them."""
    letters = iter(word)
    return bool(short) and short[0] == word[:1] and all(letter in letters for letter in short)
