"""The names of roles: what is new in a list of them, or in one of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.events import RoleCreated, RoleDeleted, RoleRenamed
from temple_ledger.domain.log_entry import LogEntry, entry_of_event
from temple_ledger.infrastructure.sources.discord.change import SOURCE, id_of, key_of_attribution
from temple_ledger.infrastructure.sources.discord.frames import UnreadableFrame, snowflake
from temple_ledger.infrastructure.sources.discord.model import Attribution
from temple_ledger.infrastructure.sources.discord.snowflake import drawn_at

GUILD: Final = "guild"
"""In place of a member, in events about roles."""

LONGEST_NAME: Final = 100


class GuildRole(NamedTuple):
    role: str
    name: str
    deleted_at: datetime | None = None
    deletion_entry: str | None = None


@dataclass(frozen=True)
class Renewed:
    """The roles that are other than they were recorded, and the events of that."""

    roles: tuple[GuildRole, ...] = ()
    entries: tuple[LogEntry, ...] = ()

    def __add__(self, later: "Renewed") -> "Renewed":
        return Renewed(self.roles + later.roles, self.entries + later.entries)


def role_of(data: Mapping[str, Any]) -> GuildRole:
    """Raises UnreadableFrame."""
    name = data.get("name")
    if not isinstance(name, str):
        raise UnreadableFrame("role.name is no text")
    cleaned = name.replace("\x00", "").encode("utf-8", "replace").decode()
    return GuildRole(snowflake(data, "id"), cleaned[:LONGEST_NAME])


def renewed(
    guild: str,
    recorded: Mapping[str, GuildRole],
    listed: Iterable[GuildRole],
    *,
    at: datetime,
    key: str,
    notes: Mapping[str, Any] | None = None,
) -> Renewed:
    """*listed* are roles that there are; *key* is different for each list."""
    found = Renewed()
    for role in listed:
        if role.role != guild:
            found += _one(guild, recorded.get(role.role), role, at, key, notes)
    return found


def deleted(
    guild: str,
    recorded: GuildRole | None,
    role: str,
    *,
    at: datetime,
    by: Attribution | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Renewed:
    if role == guild or (recorded is not None and recorded.deleted_at is not None):
        return Renewed()
    name = "" if recorded is None else recorded.name
    event = RoleDeleted(user_id=GUILD, occurred_at=at, source=SOURCE, role=role, name=name or None)
    explained = {} if by is None else _explained(by)
    entry = entry_of_event(
        event,
        event_id=id_of(_deletion_key(guild, role)),
        notes={**explained, **(notes or {})},
        catalogue=CATALOGUE,
    )
    return Renewed((GuildRole(role, name, at, None if by is None else by.entry_id),), (entry,))


def deletion_attributed(guild: str, role: GuildRole, at: datetime, by: Attribution) -> LogEntry:
    """The deletion again, at the same time, with the one who did it: an event is never edited."""
    event = RoleDeleted(user_id=GUILD, occurred_at=at, source=SOURCE, role=role.role, name=role.name or None)
    notes = {**_explained(by), "attributes": str(id_of(_deletion_key(guild, role.role)))}
    return entry_of_event(event, event_id=id_of(key_of_attribution(by)), notes=notes, catalogue=CATALOGUE)


def _deletion_key(guild: str, role: str) -> str:
    return f"role_delete:{guild}:{role}"


def _explained(by: Attribution) -> dict[str, str]:
    return {"audit_entry": by.entry_id, **({} if by.actor is None else {"by": by.actor})}


def _one(
    guild: str,
    recorded: GuildRole | None,
    role: GuildRole,
    at: datetime,
    key: str,
    notes: Mapping[str, Any] | None,
) -> Renewed:
    name = role.name or None
    if recorded is None:
        # an id says when it was drawn: the same whatever names the role first
        created = RoleCreated(
            user_id=GUILD, occurred_at=min(at, drawn_at(role.role)), source=SOURCE, role=role.role, name=name
        )
        entry = entry_of_event(
            created, event_id=id_of(f"role_create:{guild}:{role.role}"), notes=notes, catalogue=CATALOGUE
        )
    elif recorded.deleted_at is not None:
        again = RoleCreated(user_id=GUILD, occurred_at=at, source=SOURCE, role=role.role, name=name)
        entry = entry_of_event(again, event_id=id_of(f"{key}:again:{role.role}"), notes=notes, catalogue=CATALOGUE)
    elif recorded.name != role.name:
        renamed = RoleRenamed(user_id=GUILD, occurred_at=at, source=SOURCE, role=role.role, name=name)
        entry = entry_of_event(renamed, event_id=id_of(f"{key}:name:{role.role}"), notes=notes, catalogue=CATALOGUE)
    else:
        return Renewed()
    return Renewed((role,), (entry,))
