"""One change of one member, and the row of the log that stores it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID, uuid5

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.event import Event
from temple_ledger.domain.events import MemberJoined, MemberLeft, RoleAdded, RoleRemoved
from temple_ledger.domain.instant import format_instant
from temple_ledger.domain.log_entry import LogEntry, entry_of_event
from temple_ledger.infrastructure.sources.discord.model import Attribution

SOURCE: Final = "discord"
NAMESPACE: Final = UUID("b8f6c0f4-6f6c-5e7b-8f4c-2b1b7a0c9d31")
"""Of the ids of all events that are derived from Discord."""

Kind = Literal["join", "leave", "add", "remove"]


def id_of(key: str) -> UUID:
    """The same fact has the same key, and so the same id, whoever derives it."""
    return uuid5(NAMESPACE, f"discord:{key}")


class GuildChange(NamedTuple):
    """`by` is the entry that explains it. `notes` are further keys of the metadata."""

    user_id: str
    kind: Kind
    at: datetime
    key: str
    role: str = ""
    by: Attribution | None = None
    notes: Mapping[str, Any] = {}

    @property
    def event_id(self) -> UUID:
        return id_of(self.key)


def entry_of_change(change: GuildChange) -> LogEntry:
    event, notes = _event(change)
    return entry_of_event(event, event_id=change.event_id, notes=notes, catalogue=CATALOGUE)


def attributed_later(change: GuildChange, attribution: Attribution) -> GuildChange:
    """The same change again, at the same time, with the one who did it: an event is never edited."""
    return change._replace(
        key=key_of_attribution(attribution), by=attribution, notes={"attributes": str(change.event_id)}
    )


def key_of_attribution(attribution: Attribution) -> str:
    what = f"{attribution.direction}:{attribution.role}" if attribution.role else attribution.direction
    return f"audit:{attribution.entry_id}:{what}"


def _event(change: GuildChange) -> tuple[Event, dict[str, Any]]:
    by = change.by
    audited = {} if by is None else {"audit_entry": by.entry_id, "audited_at": format_instant(by.at)}
    notes: dict[str, Any] = {**audited, **change.notes}
    actor, reason = (None, None) if by is None else (by.actor, by.reason)
    match change.kind:
        case "join":
            return MemberJoined(user_id=change.user_id, occurred_at=change.at, source=SOURCE), notes
        case "leave":
            kind = {} if by is None or by.how is None else {"how": by.how}
            left = MemberLeft(user_id=change.user_id, occurred_at=change.at, source=SOURCE, reason=reason, by=actor)
            return left, {**notes, **kind}
        case "add":
            why = {} if reason is None else {"reason": reason}
            added = RoleAdded(
                user_id=change.user_id, occurred_at=change.at, source=SOURCE, role=change.role, granted_by=actor
            )
            return added, {**notes, **why}
        case "remove":
            how = notes.pop("how", None)
            why = {} if reason is None else {"reason": reason}
            removed = RoleRemoved(
                user_id=change.user_id, occurred_at=change.at, source=SOURCE, role=change.role, by=actor, how=how
            )
            return removed, {**notes, **why}
