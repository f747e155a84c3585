"""What is recorded of a member, a sighting of them, and who did it as the audit log has it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

Direction = Literal["add", "remove", "leave", "delete"]


@dataclass(frozen=True)
class GuildMember:
    """What was last observed of a user; nothing is `recorded` of one who never appeared. A guest is recorded and not
    present.

    `joined_at` is when the stay began that goes on, or the last one. `last_event_at` is the time of the last event that
    was derived, `last_frame_at` when the last frame came, `observed_at` when a frame or a snapshot showed this state.
    `repeated_join_at` is the later joined_at of a join that Discord sent again within the stay.
    """

    user_id: str
    recorded: bool = False
    present: bool = False
    joined_at: datetime | None = None
    roles: frozenset[str] = frozenset()
    last_event_at: datetime | None = None
    last_frame_at: datetime | None = None
    observed_at: datetime | None = None
    repeated_join_at: datetime | None = None


@dataclass(frozen=True)
class Sighting:
    """The full state of a member at one moment, as a frame or a snapshot has it.

    `key` is different for each sighting; `snapshot` is the snapshot's id, None of a frame. `arrives`: the frame
    says that somebody joined. `roles` None: it says nothing about them. `guest`: it is marked as a guest's, who is in
    a voice channel without being a member.
    """

    at: datetime
    key: str
    present: bool
    joined_at: datetime | None = None
    roles: frozenset[str] | None = None
    snapshot: str | None = None
    arrives: bool = False
    how: str | None = None
    guest: bool = False


@dataclass(frozen=True)
class Attribution:
    """One role, or the leave, of one entry of the audit log; of a role that was deleted, without a user.

    `at` is when it happened, by Discord's clock. `received_at` is when the gateway sent it, by ours, in `session`; both
    are None for an entry that was only read back.
    """

    entry_id: str
    user_id: str
    direction: Direction
    role: str
    actor: str | None
    reason: str | None
    how: str | None
    at: datetime
    received_at: datetime | None = None
    session: str | None = None

    @property
    def came_at(self) -> datetime:
        return self.received_at or self.at


class FeedState(NamedTuple):
    """The session that goes on, and since when no frame of the guild is missing; None before there was one."""

    session: str | None = None
    whole_since: datetime | None = None
