"""A guild as it truly is: what is done to it, the frames and audit entries of that, and what REST says.

Payloads are composed from Discord's documentation; people and ids are invented.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from temple_ledger.infrastructure.sources.discord.snowflake import EPOCH, by_number

KICK, BAN, ROLES, ROLE_DELETE, NICK = 20, 22, 25, 32, 24
IS_GUEST = 1 << 4
ENTRY = "GUILD_AUDIT_LOG_ENTRY_CREATE"
Kind = Literal["join", "leave", "add", "remove"]


@dataclass(frozen=True)
class Dispatch:
    """`about` is the member, None for the guild's own frames and for entries."""

    kind: str
    data: Mapping[str, Any]
    about: str | None = None


@dataclass
class TrueChange:
    user_id: str
    kind: Kind
    role: str
    at: datetime
    entry_id: str | None
    stay: int


@dataclass
class TrueMember:
    joined_at: datetime
    stay: int
    roles: set[str] = field(default_factory=set)
    nick: str | None = None


class TrueGuild:
    """Everything that is done returns its dispatches: the frame first, then the entry of the audit log."""

    def __init__(self, now: datetime, *, first_id: int = 0) -> None:
        self.now = now
        self._drawn = first_id
        self.id = self.draw()
        self.bot = self.draw()
        self.moderator = self.draw()
        self.members: dict[str, TrueMember] = {}
        self.bot_is_in = True
        self.roles: dict[str, str] = {}
        self.audit: list[dict[str, Any]] = []
        self.history: list[TrueChange] = []
        self._stays = 0

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def draw(self) -> str:
        """An id of this moment."""
        self._drawn += 1
        milliseconds = (self.now - EPOCH) // timedelta(milliseconds=1)
        return str((milliseconds << 22) | (self._drawn & 0x3FFFFF))

    def is_member(self, user_id: str) -> bool:
        return user_id in self.members

    def create_role(self, name: str) -> tuple[str, list[Dispatch]]:
        role = self.draw()
        self.roles[role] = name
        return role, [self._guild_frame("GUILD_ROLE_CREATE", role=self.role_object(role))]

    def rename_role(self, role: str, name: str) -> list[Dispatch]:
        self.roles[role] = name
        return [self._guild_frame("GUILD_ROLE_UPDATE", role=self.role_object(role))]

    def delete_role(self, role: str) -> list[Dispatch]:
        """One frame, one entry, and nothing for its holders."""
        del self.roles[role]
        for user_id, member in self.members.items():
            if role in member.roles:
                member.roles.discard(role)
                self._note(user_id, "remove", role, None)
        entry = self._entry(ROLE_DELETE, role)
        return [self._guild_frame("GUILD_ROLE_DELETE", role_id=role), entry]

    def join(self, user_id: str) -> list[Dispatch]:
        self._stays += 1
        self.members[user_id] = TrueMember(self.now, self._stays)
        self._note(user_id, "join", "", None)
        return [self._member_frame("GUILD_MEMBER_ADD", user_id)]

    def joins_again_they_say(self, user_id: str, *, later: timedelta = timedelta(milliseconds=350)) -> list[Dispatch]:
        """Sent for somebody who is a member already, with all their roles and a joined_at that is later."""
        frame = self._member_frame("GUILD_MEMBER_ADD", user_id)
        joined_at = self.members[user_id].joined_at + later
        return [Dispatch(frame.kind, {**frame.data, "joined_at": joined_at.isoformat()}, user_id)]

    def guest_is_there(self, user_id: str, *, arrives: bool = False) -> list[Dispatch]:
        """Invited to a voice channel without joining: a member object, which REST does not list."""
        kind = "GUILD_MEMBER_ADD" if arrives else "GUILD_MEMBER_UPDATE"
        return [Dispatch(kind, {"guild_id": self.id, **guest_object(user_id)}, user_id)]

    def guest_is_gone(self, user_id: str) -> list[Dispatch]:
        return [self._guild_frame("GUILD_MEMBER_REMOVE", about=user_id, user=user_object(user_id))]

    def outage(self) -> Dispatch:
        """What happens until the guild is back is not sent again."""
        return Dispatch("GUILD_DELETE", {"id": self.id, "unavailable": True})

    def remove_bot(self) -> Dispatch:
        """Nothing more is sent, and REST answers nothing about the guild."""
        self.bot_is_in = False
        return Dispatch("GUILD_DELETE", {"id": self.id})

    def invite_bot(self) -> Dispatch:
        self.bot_is_in = True
        return self.guild_create()

    def leave(self, user_id: str) -> list[Dispatch]:
        return [self._gone(user_id, None)]

    def kick(self, user_id: str) -> list[Dispatch]:
        entry = self._entry(KICK, user_id, reason="rules")
        return [self._gone(user_id, entry.data["id"]), entry]

    def ban(self, user_id: str, *, ban_first: bool = True) -> list[Dispatch]:
        banned = self._guild_frame("GUILD_BAN_ADD", user=user_object(user_id))
        if user_id not in self.members:
            return [banned, self._entry(BAN, user_id)]
        entry = self._entry(BAN, user_id)
        gone = self._gone(user_id, entry.data["id"])
        return [banned, gone, entry] if ban_first else [gone, banned, entry]

    def change_roles(
        self, user_id: str, add: Iterable[str] = (), remove: Iterable[str] = (), *, logged: bool = True
    ) -> list[Dispatch]:
        """In one request, so with one frame and one entry; nothing at all where nothing changes."""
        member = self.members[user_id]
        added = sorted(set(add) & self.roles.keys() - member.roles)
        removed = sorted(set(remove) & member.roles)
        if not added and not removed:
            return []
        member.roles = (member.roles - set(removed)) | set(added)
        entries = [self._entry(ROLES, user_id, changes=self._role_changes(added, removed))] if logged else []
        entry_id = entries[0].data["id"] if entries else None
        for role in added:
            self._note(user_id, "add", role, entry_id)
        for role in removed:
            self._note(user_id, "remove", role, entry_id)
        return [self._member_frame("GUILD_MEMBER_UPDATE", user_id), *entries]

    def log_without_effect(self, user_id: str, role: str, *, add: bool) -> list[Dispatch]:
        """Discord does that: an entry for a change that never came to be."""
        changes = self._role_changes([role], []) if add else self._role_changes([], [role])
        return [self._entry(ROLES, user_id, changes=changes)]

    def rename(self, user_id: str, nick: str) -> list[Dispatch]:
        self.members[user_id].nick = nick
        return [self._member_frame("GUILD_MEMBER_UPDATE", user_id), self._entry(NICK, user_id)]

    def guild_create(self) -> Dispatch:
        return Dispatch("GUILD_CREATE", guild_object(self))

    def member_object(self, user_id: str) -> dict[str, Any]:
        member = self.members[user_id]
        return {
            "user": user_object(user_id),
            "nick": member.nick,
            "avatar": None,
            "banner": None,
            "roles": sorted(member.roles),
            "joined_at": member.joined_at.isoformat(),
            "premium_since": None,
            "deaf": False,
            "mute": False,
            "flags": 0,
            "pending": False,
            "communication_disabled_until": None,
        }

    def role_object(self, role: str) -> dict[str, Any]:
        return role_object(role, self.roles[role])

    def member_page(self, after: str, limit: int) -> list[dict[str, Any]]:
        later = [each for each in self.members if by_number(each) > by_number(after)]
        return [self.member_object(each) for each in sorted(later, key=by_number)[:limit]]

    def audit_page(self, after: str | None, before: str | None, limit: int) -> list[dict[str, Any]]:
        """Ascending with *after*, else descending."""
        entries = sorted(self.audit, key=lambda entry: by_number(entry["id"]))
        if after is not None:
            return [entry for entry in entries if by_number(entry["id"]) > by_number(after)][:limit]
        return [entry for entry in reversed(entries) if before is None or by_number(entry["id"]) < by_number(before)][
            :limit
        ]

    def _gone(self, user_id: str, entry_id: str | None) -> Dispatch:
        self._note(user_id, "leave", "", entry_id)
        del self.members[user_id]
        return self._guild_frame("GUILD_MEMBER_REMOVE", about=user_id, user=user_object(user_id))

    def _note(self, user_id: str, kind: Kind, role: str, entry_id: str | None) -> None:
        stay = self.members[user_id].stay
        self.history.append(TrueChange(user_id, kind, role, self.now, entry_id, stay))

    def _member_frame(self, kind: str, user_id: str) -> Dispatch:
        return Dispatch(kind, {"guild_id": self.id, **self.member_object(user_id)}, user_id)

    def _guild_frame(self, kind: str, *, about: str | None = None, **data: Any) -> Dispatch:
        return Dispatch(kind, {"guild_id": self.id, **data}, about)

    def _entry(
        self,
        action: int,
        target: str,
        *,
        changes: Sequence[Mapping[str, Any]] = (),
        reason: str | None = None,
    ) -> Dispatch:
        entry: dict[str, Any] = {
            "id": self.draw(),
            "action_type": action,
            "user_id": self.moderator,
            "target_id": target,
            "changes": list(changes),
        }
        if reason is not None:
            entry["reason"] = reason
        self.audit.append(entry)
        return Dispatch(ENTRY, {"guild_id": self.id, **entry})

    def _role_changes(self, added: Sequence[str], removed: Sequence[str]) -> list[dict[str, Any]]:
        named = {
            "$add": [{"id": role, "name": self.roles[role]} for role in added],
            "$remove": [{"id": role, "name": self.roles[role]} for role in removed],
        }
        return [{"key": key, "new_value": roles} for key, roles in named.items() if roles]


def user_object(user_id: str, *, bot: bool = False) -> dict[str, Any]:
    return {
        "id": user_id,
        "username": f"user{user_id[-4:]}",
        "discriminator": "0",
        "global_name": None,
        "avatar": None,
        "bot": bot,
    }


def guest_object(user_id: str) -> dict[str, Any]:
    return {
        "user": user_object(user_id),
        "nick": None,
        "avatar": None,
        "banner": None,
        "roles": [],
        "joined_at": None,
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": IS_GUEST,
        "pending": False,
        "communication_disabled_until": None,
    }


def role_object(role: str, name: str) -> dict[str, Any]:
    return {
        "id": role,
        "name": name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": 1,
        "permissions": "0",
        "managed": False,
        "mentionable": False,
        "flags": 0,
        "icon": None,
        "unicode_emoji": None,
    }


def guild_object(guild: TrueGuild) -> dict[str, Any]:
    """As GUILD_CREATE has it, and without the members: a bot that sees no presences gets next to none."""
    absent = (
        "icon",
        "splash",
        "discovery_splash",
        "afk_channel_id",
        "application_id",
        "system_channel_id",
        "rules_channel_id",
        "vanity_url_code",
        "description",
        "banner",
        "public_updates_channel_id",
    )
    zero = (
        "verification_level",
        "default_message_notifications",
        "mfa_level",
        "explicit_content_filter",
        "system_channel_flags",
        "premium_tier",
        "nsfw_level",
    )
    empty = (
        "emojis",
        "stickers",
        "features",
        "voice_states",
        "channels",
        "threads",
        "presences",
        "stage_instances",
        "guild_scheduled_events",
        "soundboard_sounds",
        "members",
    )
    return {
        **dict.fromkeys(absent),
        **dict.fromkeys(zero, 0),
        **{name: [] for name in empty},
        "id": guild.id,
        "name": "the guild",
        "owner_id": guild.moderator,
        "afk_timeout": 300,
        "preferred_locale": "en-US",
        "premium_progress_bar_enabled": False,
        "joined_at": "2023-01-01T00:00:00+00:00",
        "large": True,
        "unavailable": False,
        "member_count": len(guild.members),
        "roles": [role_object(guild.id, "@everyone"), *map(guild.role_object, guild.roles)],
    }
