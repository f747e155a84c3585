"""Which role a name meant at a time: names change, return, and are given to several roles at once."""

from bisect import bisect_right, insort
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.domain.recorded import decode_metadata

ROLE_TYPE: Final = "discord_role"
ROLE_CHANGE: Final = "discord_role_change"


class _Named(NamedTuple):
    """From this time on; in the order in which it was added, where two are of one time. None: the role is deleted."""

    since: datetime
    order: int
    name: str | None


class RoleNames:
    """Every name that each role had, in any order.

    Before the first that is known of it, a role is taken to have had its first name, unless another role is known to
    have had that name then: a listener that was set up yesterday names the roles of last year's history.
    """

    def __init__(self) -> None:
        self._names: dict[str, list[_Named]] = {}
        self._ever: dict[str, set[str]] = {}
        """The roles that had a name at any time, by that name without its letters' case."""
        self._added = 0

    def __contains__(self, role: object) -> bool:
        return role in self._names

    def add(self, role: str, action: str, since: datetime, name: str | None) -> None:
        self._added += 1
        deleted = action == "deleted"
        if name and not deleted:
            self._ever.setdefault(name.casefold(), set()).add(role)
        if deleted or name:
            insort(self._names.setdefault(role, []), _Named(since, self._added, None if deleted else name))
        else:
            self._names.setdefault(role, [])

    def add_event(self, entry: LogEntry) -> None:
        """Passes over what is no event of a role."""
        if entry.event_type == ROLE_TYPE and entry.target and entry.action in ("created", "renamed", "deleted"):
            name = decode_metadata(entry.metadata).get("name")
            self.add(entry.target, entry.action, entry.timestamp, name if isinstance(name, str) else None)

    def is_name(self, text: str) -> bool:
        """Whether a role had this name at any time, in whatever case of its letters."""
        return text.casefold() in self._ever

    def called(self, name: str, at: datetime) -> list[str]:
        """The roles that had this name then; whatever its letters' case, unless one had exactly this."""
        ever = self._ever.get(name.casefold(), ())
        known = {role: self._name_at(role, at) for role in ever}
        return _matching(name, known) or _matching(name, {role: self._first_name(role, at) for role in ever})

    def _name_at(self, role: str, at: datetime) -> str | None:
        names = self._names[role]
        place = bisect_right(names, at, key=lambda each: each.since)
        return names[place - 1].name if place else None

    def _first_name(self, role: str, at: datetime) -> str | None:
        """None where more is known: something is said of the role at that time."""
        names = self._names[role]
        return next((each.name for each in names if each.name), None) if names[0].since > at else None


def _matching(name: str, names: Mapping[str, str | None]) -> list[str]:
    exactly = [role for role, had in names.items() if had == name]
    return exactly or [role for role, had in names.items() if had and had.casefold() == name.casefold()]
