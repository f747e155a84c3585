"""What is imported and yet may be a mistake: nothing can refuse it, somebody should see it."""

from collections import Counter
from collections.abc import Container, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from temple_ledger.domain.catalogue import CATALOGUE, Catalogue
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.domain.role_names import ROLE_CHANGE


class About(StrEnum):
    UNREAD = "unread"
    """A kind of event that no projection reads; the name is the kind."""
    UNKNOWN_ROLE = "unknown_role"
    """A role that neither the ledger nor the file names; the name is the target."""
    EARLY = "early"
    """A built-in kind at a time before EARLIEST; the name is the kind."""


class Remark(NamedTuple):
    about: About
    name: str


EARLIEST: Final = datetime(2015, 1, 1, tzinfo=UTC)
"""Of the built-in kinds: the ids of the platform where members live begin then."""


def remarks_about(entry: LogEntry, catalogue: Catalogue, roles: Container[str] | None) -> tuple[Remark, ...]:
    """Empty for nearly every entry. *roles* are those with a name; without them, nothing is said of roles."""
    found: list[Remark] = []
    if catalogue.find(entry.event_type, entry.action) is None:
        found.append(Remark(About.UNREAD, f"{entry.event_type}/{entry.action}"))
    if entry.event_type == ROLE_CHANGE and roles is not None and entry.target and entry.target not in roles:
        found.append(Remark(About.UNKNOWN_ROLE, entry.target))
    if entry.timestamp < EARLIEST and CATALOGUE.find(entry.event_type, entry.action) is not None:
        found.append(Remark(About.EARLY, f"{entry.event_type}/{entry.action}"))
    return tuple(found)


def without_named(remarks: Mapping[Remark, int], roles: Container[str]) -> Counter[Remark]:
    """Without roles that a later line named."""
    return Counter(
        {each: number for each, number in remarks.items() if each.about != About.UNKNOWN_ROLE or each.name not in roles}
    )


def named(remarks: Mapping[Remark, int], about: About) -> Counter[str]:
    return Counter({each.name: number for each, number in remarks.items() if each.about == about})
