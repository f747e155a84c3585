"""Frames into events: each compared with what was last observed of that member."""

from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final, NamedTuple

import psycopg

from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.instant import parse_instant
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.delivery import InboxDelivery
from temple_ledger.infrastructure.ingestion.inbox.translator import Outcome, Translation
from temple_ledger.infrastructure.sources.discord import roles as directory
from temple_ledger.infrastructure.sources.discord import store as observed
from temple_ledger.infrastructure.sources.discord.audit_log import attributions_of
from temple_ledger.infrastructure.sources.discord.change import SOURCE, GuildChange, attributed_later, entry_of_change
from temple_ledger.infrastructure.sources.discord.frames import (
    Frame,
    UnreadableFrame,
    frame_of,
    mappings,
    snowflake,
    snowflakes,
)
from temple_ledger.infrastructure.sources.discord.guild_state import (
    is_unavailable,
    state_after_delete,
    store_guild_state,
)
from temple_ledger.infrastructure.sources.discord.inference import TICK, conclude, role_deleted
from temple_ledger.infrastructure.sources.discord.member_batch import MemberBatch
from temple_ledger.infrastructure.sources.discord.model import Attribution, GuildMember, Sighting
from temple_ledger.infrastructure.sources.discord.roles import Renewed, renewed, role_of
from temple_ledger.infrastructure.sources.discord.store import MemberRecord, Surroundings

Connection = psycopg.Connection[Any]


class FrameContext(NamedTuple):
    """A frame, and what was recorded before it; `recorded` of the member that it is about, if it is about one."""

    connection: Connection
    around: Surroundings
    members: MemberBatch
    recorded: MemberRecord | None
    frame: Frame
    delivery: InboxDelivery

    @property
    def guild(self) -> str:
        return self.around.guild or ""

    @property
    def key(self) -> str:
        return f"frame:{self.delivery.origin}:{self.frame.sequence}"

    @property
    def at(self) -> datetime:
        return self.delivery.received_at


FrameRule = Callable[[FrameContext], Sequence[LogEntry]]
"""What one kind of frame comes to."""

ENDED_AT_ONCE: Final = 10_000
"""Holders of a deleted role whose role is ended in one transaction."""

IS_GUEST: Final = 1 << 4
"""The flag of a member object that belongs to nobody who joined."""

REMEMBERED: Final = timedelta(days=1)
"""How long a change waits for the entry that explains it; the window is far shorter, a backfill may come later."""

_ENTRY: Final = "GUILD_AUDIT_LOG_ENTRY_CREATE"
_ABOUT_MEMBERS: Final = frozenset({"GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE", "GUILD_BAN_ADD"})
_TOGETHER: Final = _ABOUT_MEMBERS | {_ENTRY}
"""Frames that change nothing but what is recorded of members: those that follow each other are a batch."""

_OF_GUILDS: Final = frozenset({"GUILD_CREATE", "GUILD_DELETE"})
_NOTHING: Final = frozenset({"RESUMED", "RATE_LIMITED", "GUILD_BAN_REMOVE"})


class DiscordTranslator:
    """See `Translator`. Remembers nothing between two calls."""

    source: Final = SOURCE

    def translate(self, connection: Connection, delivery: InboxDelivery) -> Translation:
        return self.translate_many(connection, [delivery])[0]

    def translate_many(self, connection: Connection, deliveries: Sequence[InboxDelivery]) -> list[Translation]:
        translations: list[Translation] = []
        for together, group in groupby(map(_read, deliveries), key=lambda each: each.is_of(_TOGETHER)):
            for frames in [list(group)] if together else ([each] for each in group):
                batch = _FrameBatch(connection, frames)
                translations += [batch.translation(each) for each in frames]
                batch.members.write()
        return translations

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


class _ReadFrame(NamedTuple):
    """A delivery, and the frame in it; None where it is no dispatch, or cannot be read: then with the problem."""

    delivery: InboxDelivery
    frame: Frame | None
    problem: UnreadableFrame | None = None

    def is_of(self, kinds: Container[str]) -> bool:
        return self.frame is not None and self.frame.kind in kinds


def _read(delivery: InboxDelivery) -> _ReadFrame:
    try:
        return _ReadFrame(delivery, frame_of(delivery.body))
    except UnreadableFrame as error:
        return _ReadFrame(delivery, None, error)


class _FrameBatch:
    """Frames that are translated one after the other, with what is recorded of everybody in them."""

    def __init__(self, connection: Connection, frames: Sequence[_ReadFrame]) -> None:
        user_ids: set[str] = set()
        attributions: list[Attribution] = []
        for each in frames:
            # what is wrong with a frame is noted when it is its turn
            with suppress(UnreadableFrame):
                if each.frame is not None and each.frame.kind in _ABOUT_MEMBERS:
                    user_ids.add(snowflake(each.frame.data, "user", "id"))
                elif each.frame is not None and each.frame.kind == _ENTRY:
                    attributions += attributions_of(each.frame.data)
        self.members = MemberBatch(connection, user_ids, attributions)
        self._connection = connection
        self._around: Surroundings | None = None

    def translation(self, read: _ReadFrame) -> Translation:
        try:
            if read.problem is not None:
                raise read.problem
            return self._translated(read.delivery, read.frame)
        except (UnreadableFrame, InvalidEvent) as error:
            reason = error.reason if isinstance(error, InvalidEvent) else str(error)
            return Translation(state=Outcome.UNPARSEABLE, note=reason)

    def _translated(self, delivery: InboxDelivery, frame: Frame | None) -> Translation:
        connection = self._connection
        if frame is None:
            return Translation(state=Outcome.SET_ASIDE, note="no dispatch")
        if frame.kind == "READY":
            _begins(connection, delivery.origin, delivery.received_at)
            _guilds_are(connection, frame.data.get("guilds"), delivery.received_at)
            return Translation()
        if frame.kind in _NOTHING:
            return Translation()
        rule = _FRAME_RULES.get(frame.kind)
        if rule is None:
            return Translation(state=Outcome.SET_ASIDE, note="a kind that nothing is derived from")
        guild = snowflake(frame.data, "id" if frame.kind in _OF_GUILDS else "guild_id")
        recorded = None
        if frame.kind in _ABOUT_MEMBERS:
            recorded = self.members.record(snowflake(frame.data, "user", "id"))
        around = self._around = self._around or observed.surroundings(connection)
        if around.guild is None and frame.kind != "GUILD_DELETE":
            claimed = observed.claim_guild(connection, guild, delivery.received_at)
            around = self._around = around._replace(guild=claimed)
        if guild != around.guild:
            return Translation(state=Outcome.SET_ASIDE, note="of another guild than this ledger's")
        return Translation(rule(FrameContext(connection, around, self.members, recorded, frame, delivery)))


def sighting_of(data: Mapping[str, Any], at: datetime, key: str, *, snapshot: str | None = None) -> Sighting:
    """A member object, as frames and REST have it. Raises UnreadableFrame."""
    flags = data.get("flags")
    guest = isinstance(flags, int) and bool(flags & IS_GUEST)
    return Sighting(at, key, True, joined_at_of(data), snowflakes(data, "roles"), snapshot, guest=guest)


def joined_at_of(data: Mapping[str, Any]) -> datetime | None:
    """None where it says nothing, as of guests. Raises UnreadableFrame."""
    text = data.get("joined_at")
    if text is None:
        return None
    try:
        return parse_instant(text)
    except InvalidEvent:
        raise UnreadableFrame("joined_at is no time") from None


def _begins(connection: Connection, session: str | None, at: datetime) -> None:
    connection.execute(statement("discord_feed_begun"), {"session": session, "at": at})


def _guilds_are(connection: Connection, listed: Any, at: datetime) -> None:
    """A session begins with the guilds that the bot is in."""
    guild = observed.surroundings(connection).guild
    if guild is None or not isinstance(listed, list):
        return
    is_in = any(isinstance(each, Mapping) and each.get("id") == guild for each in listed)
    store_guild_state(connection, "listed" if is_in else "removed", at)


def _observe(context: FrameContext, recorded: MemberRecord, sighting: Sighting) -> Sequence[LogEntry]:
    around = context.around
    concluded = conclude(
        context.guild, recorded.member, sighting, recorded.attributions, feed=around.feed, deleted=around.deleted
    )
    context.members.add_conclusion(concluded, context.at)
    return [entry_of_change(change) for change in concluded.changes]


def _member_is(context: FrameContext) -> Sequence[LogEntry]:
    if context.recorded is None:
        return ()
    sighting = sighting_of(context.frame.data, context.at, context.key)
    return _observe(context, context.recorded, replace(sighting, arrives=context.frame.kind == "GUILD_MEMBER_ADD"))


def _member_is_gone(context: FrameContext) -> Sequence[LogEntry]:
    banned = context.frame.kind == "GUILD_BAN_ADD"
    if context.recorded is None or (banned and not context.recorded.member.present):
        # a ban of somebody who is no member, or whose leave is recorded already
        return ()
    return _observe(
        context, context.recorded, Sighting(context.at, context.key, present=False, how="ban" if banned else None)
    )


def _audited(context: FrameContext) -> Sequence[LogEntry]:
    entries = attributions_of(context.frame.data, received_at=context.at, session=context.delivery.origin)
    return _explained(context.connection, context.members, entries)


def explain(connection: Connection, attributions: Sequence[Attribution]) -> list[LogEntry]:
    """Stores the entries; the events of changes that were recorded before anybody said who made them."""
    members = MemberBatch(connection, (), attributions)
    entries = _explained(connection, members, attributions)
    members.write()
    return entries


def _explained(connection: Connection, members: MemberBatch, attributions: Sequence[Attribution]) -> list[LogEntry]:
    entries: list[LogEntry] = []
    for attribution in members.add_attributions(attributions):
        if attribution.direction == "delete":
            entries += _deletion_explained(connection, attribution)
            continue
        change = members.claim_change(attribution)
        if change is not None:
            explained = attributed_later(change, attribution)
            members.use(attribution, explained.event_id)
            entries.append(entry_of_change(explained))
    return entries


def _deletion_explained(connection: Connection, by: Attribution) -> list[LogEntry]:
    role = observed.claim_deletion(connection, by)
    if role is None or role.deleted_at is None:
        return []
    guild = observed.surroundings(connection).guild or ""
    return [directory.deletion_attributed(guild, role, role.deleted_at, by)]


def _guild_is(context: FrameContext) -> Sequence[LogEntry]:
    """Sent when a session begins, and when the guild is back after an outage: what was in between is not sent."""
    if is_unavailable(context.frame.data):
        return _guild_is_gone(context)
    store_guild_state(context.connection, "available", context.at)
    _begins(context.connection, None, context.at)
    roles = [role_of(role) for role in mappings(context.frame.data, "roles")]
    recorded = observed.stored_roles(context.connection)
    found = renewed(context.guild, recorded, roles, at=context.at, key=context.key)
    there = {role.role for role in roles}
    for role in recorded.values():
        # a list that is short for another reason must not end roles: an entry has to say so too
        if role.deleted_at is None and role.role not in there:
            by = observed.deletion_of(context.connection, role.role)
            if by is not None:
                found += directory.deleted(context.guild, role, role.role, at=by.at, by=by)
    return _store_roles(context.connection, found)


def _guild_is_gone(context: FrameContext) -> Sequence[LogEntry]:
    """Nobody loses anything: what became of the members is not known until the bot is back."""
    store_guild_state(context.connection, state_after_delete(context.frame.data), context.at)
    return ()


def _role_is(context: FrameContext) -> Sequence[LogEntry]:
    listed = context.frame.data.get("role")
    role = role_of(listed if isinstance(listed, Mapping) else {})
    if role.role in context.around.deleted:
        # ids do not come back: a late frame
        return ()
    recorded = observed.stored_roles(context.connection)
    return _store_roles(context.connection, renewed(context.guild, recorded, [role], at=context.at, key=context.key))


def _role_is_gone(context: FrameContext) -> Sequence[LogEntry]:
    role = snowflake(context.frame.data, "role_id")
    recorded = observed.stored_roles(context.connection).get(role)
    by = observed.deletion_of(context.connection, role)
    return _store_roles(context.connection, directory.deleted(context.guild, recorded, role, at=context.at, by=by))


def _store_roles(connection: Connection, found: Renewed) -> Sequence[LogEntry]:
    observed.store_roles(connection, found.roles)
    return found.entries


def _end_for_holders(connection: Connection, guild: str, role: str, deleted_at: datetime, limit: int) -> list[LogEntry]:
    members = observed.holders(connection, role, limit)
    if len(members) < limit:
        connection.execute(statement("discord_role_ended"), {"role_id": role})
    if not members:
        return []
    changes = [_ended(guild, member, role, deleted_at) for member in members]
    observed.store_members(
        connection,
        [
            replace(member, roles=member.roles - {role}, last_event_at=change.at)
            for member, change in zip(members, changes, strict=True)
        ],
    )
    return [entry_of_change(change) for change in changes]


def _ended(guild: str, member: GuildMember, role: str, deleted_at: datetime) -> GuildChange:
    change = role_deleted(guild, member.user_id, role, deleted_at)
    return change if member.last_event_at is None else change._replace(at=max(change.at, member.last_event_at + TICK))


_FRAME_RULES: Final[Mapping[str, FrameRule]] = {
    "GUILD_CREATE": _guild_is,
    "GUILD_DELETE": _guild_is_gone,
    "GUILD_MEMBER_ADD": _member_is,
    "GUILD_MEMBER_UPDATE": _member_is,
    "GUILD_MEMBER_REMOVE": _member_is_gone,
    "GUILD_BAN_ADD": _member_is_gone,
    _ENTRY: _audited,
    "GUILD_ROLE_CREATE": _role_is,
    "GUILD_ROLE_UPDATE": _role_is,
    "GUILD_ROLE_DELETE": _role_is_gone,
}
