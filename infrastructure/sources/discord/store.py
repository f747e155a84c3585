"""The tables of what was observed: of members, of roles, of the feed."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from temple_ledger.domain.instant import format_instant, parse_instant
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.sources.discord.change import GuildChange
from temple_ledger.infrastructure.sources.discord.inference import Conclusion
from temple_ledger.infrastructure.sources.discord.model import Attribution, FeedState, GuildMember
from temple_ledger.infrastructure.sources.discord.roles import GuildRole

Connection = psycopg.Connection[Any]


class MemberRecord(NamedTuple):
    """A member, and the entries about them that nothing has used."""

    member: GuildMember
    attributions: Sequence[Attribution] = ()


class Surroundings(NamedTuple):
    """What a conclusion about any member needs: the guild (None before there is one), the feed, the deleted roles."""

    guild: str | None
    feed: FeedState
    deleted: Mapping[str, datetime]


AttributionKey = tuple[str, str, str]
"""Entry, direction, role."""


class AttributionState(NamedTuple):
    """Whether nothing has used it yet, and when the gateway sent it, in which session."""

    is_open: bool
    received_at: datetime | None
    session: str | None


class RememberedChange(NamedTuple):
    """A change without an entry yet."""

    key: str
    user_id: str
    direction: str
    role: str
    at: datetime
    received_at: datetime


def key_of(attribution: Attribution) -> AttributionKey:
    return attribution.entry_id, attribution.direction, attribution.role


def surroundings(connection: Connection) -> Surroundings:
    row = connection.execute(statement("discord_surroundings"), prepare=True).fetchone()
    return Surroundings(None, FeedState(), {}) if row is None else _surroundings(*row)


def stored_members(connection: Connection, user_ids: Sequence[str]) -> dict[str, MemberRecord]:
    """Of each of them, also of those of whom nothing is recorded."""
    rows = connection.execute(statement("discord_known"), {"user_ids": list(user_ids)}, prepare=True)
    return {user_id: _record(user_id, *row) for user_id, *row in rows}


def store_conclusions(
    connection: Connection, conclusions: Sequence[Conclusion], *, received_at: datetime | None = None
) -> None:
    """*received_at*: changes that nobody explained yet are remembered, for an entry that comes later."""
    store_members(connection, [each.member for each in conclusions])
    use_attributions(connection, [(by, change.event_id) for each in conclusions for by, change in each.used])
    close_attributions(connection, [entry for each in conclusions for entry in each.without_effect])
    if received_at is not None:
        changes = [change for each in conclusions for change in each.changes]
        remember_changes(connection, to_remember(changes, received_at))


def store_members(connection: Connection, members: Sequence[GuildMember]) -> None:
    if not members:
        return
    rows = json.dumps([_member_row(each) for each in members])
    connection.execute(statement("discord_member_keep"), {"members": rows}, prepare=True)


def attribution_states(connection: Connection, entry_ids: Collection[str]) -> dict[AttributionKey, AttributionState]:
    """Of every attribution of these entries that is stored."""
    rows = connection.execute(
        statement("discord_attribution_states"), {"entry_ids": sorted(entry_ids)}, prepare=True
    ).fetchall()
    return {(entry_id, direction, role): AttributionState(*state) for entry_id, direction, role, *state in rows}


def store_attributions(connection: Connection, attributions: Sequence[Attribution]) -> None:
    """Each key once. Of one that is there, only when it came is new, if nobody knew."""
    if not attributions:
        return
    rows = [
        {
            "entry_id": each.entry_id,
            "user_id": each.user_id,
            "direction": each.direction,
            "role_id": each.role,
            "actor": each.actor,
            "reason": each.reason,
            "how": each.how,
            "at": format_instant(each.at),
            "heard_at": None if each.received_at is None else format_instant(each.received_at),
            "session": each.session,
        }
        for each in attributions
    ]
    connection.execute(statement("discord_attribution_keep"), {"attributions": json.dumps(rows)}, prepare=True)


def remembered_changes(connection: Connection, user_ids: Collection[str]) -> list[RememberedChange]:
    """Those of these members that nobody explained yet."""
    rows = connection.execute(statement("discord_changes"), {"user_ids": sorted(user_ids)}, prepare=True)
    return [RememberedChange(*row) for row in rows]


def to_remember(changes: Iterable[GuildChange], received_at: datetime) -> list[RememberedChange]:
    """Those for which an entry may come."""
    return [
        RememberedChange(each.key, each.user_id, each.kind, each.role, each.at, received_at)
        for each in changes
        if each.by is None and _may_be_explained(each)
    ]


def remember_changes(connection: Connection, changes: Sequence[RememberedChange]) -> None:
    if changes:
        keys, user_ids, directions, role_ids, ats, received = map(list, zip(*changes, strict=True))
        values = {"keys": keys, "user_ids": user_ids, "directions": directions, "role_ids": role_ids, "ats": ats}
        connection.execute(statement("discord_change_keep"), {**values, "received_ats": received}, prepare=True)


def forget_changes(connection: Connection, keys: Collection[str]) -> None:
    """They are explained."""
    if keys:
        connection.execute(statement("discord_change_explained"), {"keys": sorted(keys)}, prepare=True)


def close_attributions(connection: Connection, without_effect: Sequence[Attribution]) -> None:
    if without_effect:
        connection.execute(statement("discord_attribution_close"), _keys(without_effect))


def use_attributions(connection: Connection, used: Sequence[tuple[Attribution, UUID]]) -> None:
    if used:
        values = {**_keys([by for by, _ in used]), "used_by": [event_id for _, event_id in used]}
        connection.execute(statement("discord_attribution_use"), values)


def holders(connection: Connection, role: str, limit: int) -> list[GuildMember]:
    rows = connection.execute(statement("discord_role_holders"), {"roles": [role], "limit": limit})
    return [GuildMember(row[0], True, row[1], row[2], frozenset(row[3]), *row[4:]) for row in rows]


def stored_roles(connection: Connection) -> dict[str, GuildRole]:
    return {row[0]: GuildRole(*row) for row in connection.execute(statement("discord_roles"), prepare=True)}


def store_roles(connection: Connection, roles: Iterable[GuildRole]) -> None:
    for role in roles:
        connection.execute(
            statement("discord_role_keep"),
            {
                "role_id": role.role,
                "name": role.name,
                "deleted_at": role.deleted_at,
                "deletion_entry": role.deletion_entry,
            },
        )


def deletion_of(connection: Connection, role: str) -> Attribution | None:
    """The entry that says who deleted the role, and when."""
    row = connection.execute(statement("discord_role_deletion"), {"role_id": role}).fetchone()
    return None if row is None else Attribution(row[0], "", "delete", role, row[1], row[2], None, row[3])


def claim_deletion(connection: Connection, attribution: Attribution) -> GuildRole | None:
    """The deleted role, if no entry has named yet who deleted it."""
    row = connection.execute(
        statement("discord_role_deletion_take"), {"role_id": attribution.role, "entry_id": attribution.entry_id}
    ).fetchone()
    return None if row is None else GuildRole(attribution.role, row[0], row[1], attribution.entry_id)


def claim_guild(connection: Connection, guild: str, at: datetime) -> str:
    """The guild of this ledger: *guild*, if there was none."""
    connection.execute(statement("ledger_guild_claim"), {"guild_id": guild, "since": at})
    row = connection.execute(statement("ledger_guild")).fetchone()
    return guild if row is None else str(row[0])


def _surroundings(
    guild: str | None, session: str | None, whole_since: datetime | None, deleted: Mapping[str, str] | None
) -> Surroundings:
    ended = {role: parse_instant(at) for role, at in (deleted or {}).items()}
    return Surroundings(guild, FeedState(session, whole_since), ended)


def _record(
    user_id: str,
    recorded: bool,
    present: bool,
    joined_at: datetime | None,
    roles: Sequence[str] | None,
    last_event_at: datetime | None,
    last_frame_at: datetime | None,
    observed_at: datetime | None,
    repeated_join_at: datetime | None,
    attributions: Sequence[Mapping[str, Any]] | None,
) -> MemberRecord:
    times = (last_event_at, last_frame_at, observed_at, repeated_join_at)
    member = (
        GuildMember(user_id, True, present, joined_at, frozenset(roles or ()), *times)
        if recorded
        else GuildMember(user_id)
    )
    return MemberRecord(member, [_attribution(user_id, each) for each in attributions or ()])


def _member_row(member: GuildMember) -> dict[str, Any]:
    return {
        "user_id": member.user_id,
        "present": member.present,
        "joined_at": _text(member.joined_at),
        "roles": sorted(member.roles),
        "last_event_at": _text(member.last_event_at),
        "seen_at": _text(member.last_frame_at),
        "observed_at": _text(member.observed_at),
        "repeated_join_at": _text(member.repeated_join_at),
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(moment)


def _keys(attributions: Sequence[Attribution]) -> dict[str, Any]:
    return {
        "entry_ids": [each.entry_id for each in attributions],
        "directions": [each.direction for each in attributions],
        "role_ids": [each.role for each in attributions],
    }


def _may_be_explained(change: GuildChange) -> bool:
    """Joins have no entry, and what ends with a role has none of its own."""
    return change.kind == "leave" or (change.kind != "join" and "how" not in change.notes)


def _attribution(user_id: str, row: Mapping[str, Any]) -> Attribution:
    return Attribution(
        row["entry_id"],
        user_id,
        row["direction"],
        row["role_id"],
        row["actor"],
        row["reason"],
        row["how"],
        parse_instant(row["at"]),
        None if row["heard_at"] is None else parse_instant(row["heard_at"]),
        row["session"],
    )
