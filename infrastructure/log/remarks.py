"""What is imported and yet may be a mistake: nothing can refuse it, somebody should see it."""

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic_core import from_json

from temple_ledger.domain.catalogue import CATALOGUE, Catalogue, EventType
from temple_ledger.domain.event import VERSION_KEY
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.domain.role_names import ROLE_CHANGE


class About(StrEnum):
    UNREAD = "unread"
    """A kind of event that no projection reads; the name is the kind."""
    UNKNOWN_ROLE = "unknown_role"
    """A role that neither the ledger nor the file names; the name is the target."""
    EARLY = "early"
    """A built-in kind at a time before EARLIEST; the name is the kind."""
    UNREAD_KEY = "unread_key"
    """A key of metadata that no field of an author's event reads, and that looks like one; the name has both."""


class Remark(NamedTuple):
    about: About
    name: str


EARLIEST: Final = datetime(2015, 1, 1, tzinfo=UTC)
"""Of the built-in kinds: the ids of the platform where members live begin then."""


NEAR: Final = 0.75
"""How like a field a key is that is most likely that field, misspelt: one letter of four."""


def remarks_about(entry: LogEntry, catalogue: Catalogue, roles: Container[str] | None) -> tuple[Remark, ...]:
    """Empty for nearly every entry. *roles* are those with a name; without them, nothing is said of roles."""
    found: list[Remark] = []
    known = catalogue.find(entry.event_type, entry.action)
    if known is None:
        found.append(Remark(About.UNREAD, f"{entry.event_type}/{entry.action}"))
    if entry.event_type == ROLE_CHANGE and roles is not None and entry.target and entry.target not in roles:
        found.append(Remark(About.UNKNOWN_ROLE, entry.target))
    if entry.timestamp < EARLIEST and CATALOGUE.find(entry.event_type, entry.action) is not None:
        found.append(Remark(About.EARLY, f"{entry.event_type}/{entry.action}"))
    if known is not None and known.model.declaration is not None and entry.metadata is not None:
        found += _unread_keys(known, entry.metadata)
    return tuple(found)


def _unread_keys(known: EventType, metadata: str) -> Iterator[Remark]:
    """Of a row of the newest version: an older one may have had other fields."""
    keys = from_json(metadata)
    if not isinstance(keys, dict) or keys.get(VERSION_KEY, 1) != known.version:
        return
    for key in keys.keys() - {VERSION_KEY, *known.model.metadata_fields}:
        meant = get_close_matches(key, known.model.metadata_fields, n=1, cutoff=NEAR)
        if meant and meant[0] not in keys:
            yield Remark(About.UNREAD_KEY, f"{known.name}: {key}, for {meant[0]}?")


def without_named(remarks: Mapping[Remark, int], roles: Container[str]) -> Counter[Remark]:
    """Without roles that a later line named."""
    return Counter(
        {each: number for each, number in remarks.items() if each.about != About.UNKNOWN_ROLE or each.name not in roles}
    )


def named(remarks: Mapping[Remark, int], about: About) -> Counter[str]:
    return Counter({each.name: number for each, number in remarks.items() if each.about == about})
