"""What people's lines are asked before they enter the log, beyond being events: most mistakes look like facts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.instant import require_not_future
from temple_ledger.domain.log_entry import LogEntry, is_exported
from temple_ledger.domain.names import is_near_name, tidied, why_no_id, why_no_member
from temple_ledger.domain.near_kinds import why_misspelt
from temple_ledger.domain.role_names import ROLE_CHANGE, ROLE_TYPE, RoleNames
from temple_ledger.infrastructure.database.statements import statement

ACTORS: Final = ("granted_by", "by")
"""Keys of metadata that name who did it."""
_EITHER: Final = frozenset(ACTORS)
_FORMS: Final[Mapping[type, str]] = {str: "text", list: "an array", bool: "true or false"}
MOST_REMEMBERED: Final = 1_000
_WITH_AN_ACTOR: Final = frozenset({"discord_join", "discord_leave", ROLE_CHANGE, ROLE_TYPE})


@dataclass(frozen=True)
class Allowed:
    """What somebody asked for: kinds that look misspelt, times ahead of now, names that are not looked up."""

    unknown: bool = False
    future: bool = False
    names: bool = False


@dataclass
class _Kind:
    """What is asked of the lines of one kind, looked up once. `misspelt` says which kind is most likely meant instead.

    `keys` are those of metadata that count, `actors` those among them that name who did it. `clear` are sets of keys
    of which none is nearly one that counts.
    """

    misspelt: str | None
    keys: frozenset[str]
    actors: tuple[str, ...]
    clear: set[tuple[str, ...]] = field(default_factory=set)


@dataclass
class Admission:
    """The questions. Of one import or append: `roles` grows with the lines that are read."""

    catalogue: Catalogue
    roles: RoleNames = field(default_factory=RoleNames)
    allowed: Allowed = Allowed()
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _kinds: dict[tuple[str, str], _Kind] = field(default_factory=dict, init=False)

    def admit(self, columns: Mapping[str, Any], entry: LogEntry) -> LogEntry:
        """The entry as it is stored: names trimmed, and a role's name replaced by its id.

        *entry* is what *columns* say, as they stand, and its event_id is of them: so a line has the same one however
        the names are resolved. Lines of an export stay as they are, since a log has them already.

        Raises InvalidEvent with the flag that would allow it.
        """
        if not self.allowed.future:
            self._require_past(entry)
        if is_exported(columns):
            self.roles.add_event(entry)
            return entry
        kind = self._kind(entry.event_type, entry.action)
        if not self.allowed.unknown and kind.misspelt is not None:
            raise InvalidEvent(f"{kind.misspelt}; --allow-unknown accepts it as it is")
        admitted = entry if self.allowed.names else self._named(entry, columns.get("metadata"), kind)
        self.roles.add_event(admitted)
        return admitted

    def _require_past(self, entry: LogEntry) -> None:
        try:
            require_not_future(entry.timestamp, self.now)
        except InvalidEvent as error:
            raise type(error)(f"{error.reason}; --allow-future accepts it all the same") from None

    def _kind(self, event_type: str, action: str) -> _Kind:
        found = self._kinds.get((event_type, action))
        if found is None:
            misspelt = why_misspelt(self.catalogue, event_type, action)
            found = _Kind(misspelt, *self._keys_that_count(event_type, action))
            if len(self._kinds) < MOST_REMEMBERED:
                self._kinds[event_type, action] = found
        return found

    def _named(self, entry: LogEntry, metadata: object, kind: _Kind) -> LogEntry:
        user_id, target = entry.user_id, entry.target
        if not _is_id(user_id):
            user_id = tidied(user_id)
            _refuse("user_id is empty" if not user_id else why_no_member(user_id))
        if target is not None and not _is_id(target):
            target = tidied(target)
        if target is not None and entry.event_type in (ROLE_CHANGE, ROLE_TYPE):
            target = self._role(target, entry)
        if entry.metadata is not None:
            _require_clear(metadata, kind)
        if user_id == entry.user_id and target == entry.target:
            return entry
        return entry._replace(user_id=user_id, target=target)

    def _role(self, target: str, entry: LogEntry) -> str:
        if not target:
            raise InvalidEvent("target is empty; a role event needs a role")
        if target in self.roles:
            return target
        called = self.roles.called(target, entry.timestamp) if entry.event_type == ROLE_CHANGE else []
        if not called:
            _refuse(why_no_id("target", target))
        if len(called) > 1:
            raise InvalidEvent(
                f"{len(called)} roles were called {target!r} then: {', '.join(sorted(called))}; give the id, "
                "or --keep-names stores the name as it is"
            )
        return called[0] if called else target

    def _keys_that_count(self, event_type: str, action: str) -> tuple[frozenset[str], tuple[str, ...]]:
        """All of them, and those that may name who did it. An older version of an event may have other keys."""
        known = self.catalogue.find(event_type, action)
        fields = () if known is None or known.version > 1 else known.model.metadata_fields
        actors = ACTORS if event_type in _WITH_AN_ACTOR else ()
        return frozenset(fields if any(each in fields for each in actors) else (*fields, *actors)), actors


def _require_clear(metadata: object, kind: _Kind) -> None:
    """Who did it has to be an id or a name, under the key that is read: no fold complains about another one."""
    if not isinstance(metadata, dict):
        if kind.keys and metadata is not None:
            _refuse(
                f"metadata is {_FORMS.get(type(metadata), 'a number')}, and an object is read; nothing in it counts"
            )
        return
    # nearly every line of a kind has the keys of another one that was looked at
    written = tuple(metadata)
    if written not in kind.clear and not metadata.keys() <= kind.keys:
        for name in sorted(kind.keys - metadata.keys()):
            near = next((key for key in metadata if is_near_name(key, name) or {key, name} == _EITHER), None)
            _refuse(None if near is None else f"metadata has the key {near!r}, where {name!r} is read")
        if len(kind.clear) < MOST_REMEMBERED:
            kind.clear.add(written)
    for name in kind.actors:
        value = metadata.get(name)
        if isinstance(value, str):
            if not _is_id(value):
                _refuse(why_no_id(f"metadata.{name}", tidied(value)))
        elif value is not None:
            _refuse(f"metadata.{name} is not a string; an id is written in quotes")


def _is_id(text: str) -> bool:
    """As platforms make them: there is nothing to tidy, and nothing to ask of it."""
    return text.isdigit() and text.isascii()


def _refuse(wrong: str | None) -> None:
    if wrong is not None:
        raise InvalidEvent(f"{wrong}; --keep-names accepts it as it is")


def read_role_names(connection: psycopg.Connection[Any]) -> RoleNames:
    """Of every role that the log names, without what was retracted. Raises psycopg.Error."""
    names = RoleNames()
    for role, action, since, name in connection.execute(statement("log_role_names")):
        names.add(role, action, since, name)
    return names
