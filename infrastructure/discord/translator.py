"""Frames into events: each compared with what was last observed of that member."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from domain.errors import InvalidEvent
from domain.instant import parse_instant
from domain.log_entry import LogEntry
from infrastructure.database.statements import statement
from infrastructure.discord import directory, observed
from infrastructure.discord.audit import attributions_of
from infrastructure.discord.change import SOURCE, attributed_later, entry_of_change
from infrastructure.discord.conclusion import TICK, conclude, role_deleted
from infrastructure.discord.directory import Renewed, renewed, role_of
from infrastructure.discord.frames import Frame, Unreadable, frame_of, snowflake, snowflakes
from infrastructure.discord.member import Attribution, Member, Seen
from infrastructure.discord.observed import Surroundings
from infrastructure.inbox.delivery import Stored
from infrastructure.inbox.translator import Outcome, Translation

Connection = psycopg.Connection[Any]
Said = Callable[[Connection, Surroundings, Frame, Stored], Sequence[LogEntry]]
"""What one kind of frame comes to."""

ENDED_AT_ONCE: Final = 10_000
"""Holders of a deleted role whose role is ended in one transaction."""

REMEMBERED: Final = timedelta(days=1)
"""How long a change waits for the entry that explains it; the window is far shorter, a backfill may come later."""

_NOTHING: Final = frozenset({"RESUMED", "RATE_LIMITED", "GUILD_DELETE", "GUILD_BAN_REMOVE"})


class DiscordTranslator:
    """See `Translator`. Remembers nothing between two calls."""

    source: Final = SOURCE

    def translate(self, connection: Connection, delivery: Stored) -> Translation:
        try:
            return self._translated(connection, delivery)
        except (Unreadable, InvalidEvent) as error:
            reason = error.reason if isinstance(error, InvalidEvent) else str(error)
            return Translation(state=Outcome.UNPARSEABLE, note=reason)

    def due(self, connection: Connection, now: datetime) -> Sequence[LogEntry]:
        """The next holders of deleted roles, for whom no frame will come."""
        connection.execute(statement("discord_change_forget"), {"before": now - REMEMBERED}, prepare=True)
        entries: list[LogEntry] = []
        roles = connection.execute(statement("discord_role_to_end"), prepare=True).fetchall()
        if not roles:
            return entries
        guild = observed.surroundings(connection).guild or ""
        for role, deleted_at in roles:
            entries += _end_for_holders(connection, guild, role, deleted_at, ENDED_AT_ONCE - len(entries))
            if len(entries) >= ENDED_AT_ONCE:
                break
        return entries

    def _translated(self, connection: Connection, delivery: Stored) -> Translation:
        frame = frame_of(delivery.body)
        if frame is None:
            return Translation(state=Outcome.SET_ASIDE, note="no dispatch")
        if frame.kind == "READY":
            _begins(connection, delivery.origin, delivery.received_at)
            return Translation()
        if frame.kind in _NOTHING:
            return Translation()
        said = _SAID.get(frame.kind)
        if said is None:
            return Translation(state=Outcome.SET_ASIDE, note="a kind that nothing is derived from")
        around = observed.surroundings(connection)
        guild = snowflake(frame.data, "id" if frame.kind == "GUILD_CREATE" else "guild_id")
        if around.guild is None:
            around = around._replace(guild=observed.claim_guild(connection, guild, delivery.received_at))
        if guild != around.guild:
            return Translation(state=Outcome.SET_ASIDE, note="of another guild than this ledger's")
        return Translation(said(connection, around, frame, delivery))


def seen_in(data: Mapping[str, Any], at: datetime, key: str, *, snapshot: str | None = None) -> Seen:
    """A member object, as frames and REST have it. Raises Unreadable."""
    return Seen(at, key, True, joined_at_of(data), snowflakes(data, "roles"), snapshot)


def joined_at_of(data: Mapping[str, Any]) -> datetime | None:
    """None of guests. Raises Unreadable."""
    text = data.get("joined_at")
    if text is None:
        return None
    try:
        return parse_instant(text)
    except InvalidEvent:
        raise Unreadable("joined_at is no time") from None


def _begins(connection: Connection, session: str | None, at: datetime) -> None:
    connection.execute(statement("discord_feed_begun"), {"session": session, "at": at})


def _observe(
    connection: Connection, around: Surroundings, user_id: str, seen: Seen, received_at: datetime
) -> Sequence[LogEntry]:
    known = observed.known_members(connection, [user_id])[user_id]
    concluded = conclude(
        around.guild or "", known.member, seen, known.attributions, feed=around.feed, deleted=around.deleted
    )
    observed.keep_conclusions(connection, [concluded], received_at=received_at)
    return [entry_of_change(change) for change in concluded.changes]


def _member_is(connection: Connection, around: Surroundings, frame: Frame, delivery: Stored) -> Sequence[LogEntry]:
    user_id = snowflake(frame.data, "user", "id")
    seen = seen_in(frame.data, delivery.received_at, _key(frame, delivery))
    seen = replace(seen, arrives=frame.kind == "GUILD_MEMBER_ADD")
    return _observe(connection, around, user_id, seen, delivery.received_at)


def _member_is_gone(connection: Connection, around: Surroundings, frame: Frame, delivery: Stored) -> Sequence[LogEntry]:
    user_id = snowflake(frame.data, "user", "id")
    banned = frame.kind == "GUILD_BAN_ADD"
    if banned and not observed.known_members(connection, [user_id])[user_id].member.present:
        # a ban of somebody who is no member, or whose leave was told already
        return ()
    seen = Seen(delivery.received_at, _key(frame, delivery), present=False, how="ban" if banned else None)
    return _observe(connection, around, user_id, seen, delivery.received_at)


def _audited(connection: Connection, around: Surroundings, frame: Frame, delivery: Stored) -> Sequence[LogEntry]:
    told = attributions_of(frame.data, heard_at=delivery.received_at, session=delivery.origin)
    return explain(connection, told)


def explain(connection: Connection, told: Sequence[Attribution]) -> list[LogEntry]:
    """Keeps the entries; the events of changes that were recorded before anybody said who made them."""
    entries: list[LogEntry] = []
    for attribution in observed.keep_attributions(connection, told):
        change = observed.take_change(connection, attribution)
        if change is not None:
            explained = attributed_later(change, attribution)
            observed.use_attributions(connection, [(attribution, explained.event_id)])
            entries.append(entry_of_change(explained))
    return entries


def _guild_is(connection: Connection, around: Surroundings, frame: Frame, delivery: Stored) -> Sequence[LogEntry]:
    """Sent when a session begins, and when the guild is back after an outage: what was in between is not told."""
    _begins(connection, None, delivery.received_at)
    roles = frame.data.get("roles")
    told = [role_of(role) for role in roles if isinstance(role, Mapping)] if isinstance(roles, list) else []
    guild, known = around.guild or "", observed.known_roles(connection)
    found = renewed(guild, known, told, at=delivery.received_at, key=_key(frame, delivery))
    there = {role.role for role in told}
    for role in known.values():
        # a list that is short for another reason must not end roles: an entry has to say so too
        if role.deleted_at is None and role.role not in there:
            by = observed.deletion_of(connection, role.role)
            if by is not None:
                found += directory.deleted(guild, role, role.role, at=by.at, by=by)
    return _keep_roles(connection, found)


def _role_is(connection: Connection, around: Surroundings, frame: Frame, delivery: Stored) -> Sequence[LogEntry]:
    role = frame.data.get("role")
    told = role_of(role if isinstance(role, Mapping) else {})
    known = observed.known_roles(connection)
    if told.role in around.deleted:
        # ids do not come back: a late frame
        return ()
    return _keep_roles(
        connection, renewed(around.guild or "", known, [told], at=delivery.received_at, key=_key(frame, delivery))
    )


def _role_is_gone(connection: Connection, around: Surroundings, frame: Frame, delivery: Stored) -> Sequence[LogEntry]:
    role = snowflake(frame.data, "role_id")
    known = observed.known_roles(connection).get(role)
    by = observed.deletion_of(connection, role)
    return _keep_roles(connection, directory.deleted(around.guild or "", known, role, at=delivery.received_at, by=by))


def _keep_roles(connection: Connection, told: Renewed) -> Sequence[LogEntry]:
    observed.keep_roles(connection, told.roles)
    return told.entries


def _end_for_holders(connection: Connection, guild: str, role: str, deleted_at: datetime, limit: int) -> list[LogEntry]:
    members = observed.holders(connection, role, limit)
    if len(members) < limit:
        connection.execute(statement("discord_role_ended"), {"role_id": role})
    if not members:
        return []
    changes = [_ended(guild, member, role, deleted_at) for member in members]
    observed.keep_members(
        connection,
        [
            replace(member, roles=member.roles - {role}, last_event_at=change.at)
            for member, change in zip(members, changes, strict=True)
        ],
    )
    return [entry_of_change(change) for change in changes]


def _ended(guild: str, member: Member, role: str, deleted_at: datetime) -> Any:
    change = role_deleted(guild, member.user_id, role, deleted_at)
    return change if member.last_event_at is None else change._replace(at=max(change.at, member.last_event_at + TICK))


def _key(frame: Frame, delivery: Stored) -> str:
    return f"frame:{delivery.origin}:{frame.sequence}"


_SAID: Final[Mapping[str, Said]] = {
    "GUILD_CREATE": _guild_is,
    "GUILD_MEMBER_ADD": _member_is,
    "GUILD_MEMBER_UPDATE": _member_is,
    "GUILD_MEMBER_REMOVE": _member_is_gone,
    "GUILD_BAN_ADD": _member_is_gone,
    "GUILD_AUDIT_LOG_ENTRY_CREATE": _audited,
    "GUILD_ROLE_CREATE": _role_is,
    "GUILD_ROLE_UPDATE": _role_is,
    "GUILD_ROLE_DELETE": _role_is_gone,
}
