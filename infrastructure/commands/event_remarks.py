"""Sentences about what an import adds, or would add, and somebody should look at."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from temple_ledger.infrastructure.log.remarks import About, Remark, named
from temple_ledger.infrastructure.queries.imports import RetractedPart
from temple_ledger.infrastructure.terminal.text import plural

MOST_NAMES: Final = 5


def remark_sentences(remarks: Mapping[Remark, int]) -> Iterator[str]:
    unread, roles, early, keys = (named(remarks, about) for about in About)
    if unread:
        yield f"{plural(unread.total(), 'event')} of a kind that nothing reads: {_names(unread)}"
    if roles:
        yield f"roles that neither the ledger nor the file names, stored as they are: {_names(roles, ascii)}"
    if early:
        yield f"{plural(early.total(), 'event')} dated before 2015; is the year right? {_names(early)}"
    if keys:
        yield f"{plural(keys.total(), 'key')} of metadata that no field reads: {_names(keys, ascii)}"


def remark_counts(remarks: Mapping[Remark, int]) -> dict[str, dict[str, int]]:
    """For JSON."""
    return {
        "unread": dict(named(remarks, About.UNREAD)),
        "unknown_roles": dict(named(remarks, About.UNKNOWN_ROLE)),
        "early": dict(named(remarks, About.EARLY)),
        "unread_keys": dict(named(remarks, About.UNREAD_KEY)),
    }


def retracted_again(parts: Sequence[RetractedPart], *, would: bool) -> str:
    """Says whose they stay: taking back the import of now does not take them back."""
    events = plural(sum(part.events for part in parts), "retracted event")
    one = sum(part.events for part in parts) == 1
    count = f"{events} would count again" if would else f"{events} {'counts' if one else 'count'} again"
    return f"{count}: {'; '.join(_part(part) for part in parts)}"


def _part(part: RetractedPart) -> str:
    whose = "added one by one" if part.number is None else f"of import:{part.number}"
    return f"{part.events:,} {whose}, retracted with the reason: {part.reason}"


def _names(counts: Counter[str], shown_as: Callable[[str], str] = str) -> str:
    shown = [f"{shown_as(name)} ({number:,})" for name, number in counts.most_common(MOST_NAMES)]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
