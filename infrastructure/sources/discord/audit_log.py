"""Entries of the audit log: who gave or took a role, kicked, banned, or deleted a role."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from temple_ledger.infrastructure.sources.discord.frames import mappings, snowflake
from temple_ledger.infrastructure.sources.discord.model import Attribution, Direction
from temple_ledger.infrastructure.sources.discord.snowflake import drawn_at

KICK: Final = 20
BAN: Final = 22
ROLES: Final = 25
ROLE_DELETE: Final = 32

LONGEST_REASON: Final = 512
_DIRECTIONS: Final[Mapping[str, Direction]] = {"$add": "add", "$remove": "remove"}
_LEAVES: Final = {KICK: "kick", BAN: "ban"}


def attributions_of(
    entry: Mapping[str, Any], *, received_at: datetime | None = None, session: str | None = None
) -> list[Attribution]:
    """One for each role and direction; an entry may have several of both. None for other actions.

    Raises UnreadableFrame.
    """
    return list(_attributions(entry, received_at, session))


def _attributions(entry: Mapping[str, Any], received_at: datetime | None, session: str | None) -> Iterator[Attribution]:
    action = entry.get("action_type")
    if action not in (KICK, BAN, ROLES, ROLE_DELETE):
        return
    entry_id, target = snowflake(entry, "id"), snowflake(entry, "target_id")
    actor = None if entry.get("user_id") is None else snowflake(entry, "user_id")

    def attribution(direction: Direction, user_id: str, role: str = "") -> Attribution:
        return Attribution(
            entry_id,
            user_id,
            direction,
            role,
            actor,
            _reason(entry),
            _LEAVES.get(action),
            drawn_at(entry_id),
            received_at,
            session,
        )

    if action in _LEAVES:
        yield attribution("leave", target)
    elif action == ROLE_DELETE:
        yield attribution("delete", "", target)
    else:
        for direction, role in _roles(entry):
            yield attribution(direction, target, role)


def _roles(entry: Mapping[str, Any]) -> Iterator[tuple[Direction, str]]:
    found: dict[tuple[Direction, str], None] = {}
    for change in mappings(entry, "changes"):
        direction = _DIRECTIONS.get(str(change.get("key")))
        if direction is not None:
            found.update(dict.fromkeys((direction, snowflake(role, "id")) for role in mappings(change, "new_value")))
    yield from found


def _reason(entry: Mapping[str, Any]) -> str | None:
    reason = entry.get("reason")
    if not isinstance(reason, str):
        return None
    # half of a character, or a NUL, the database cannot hold
    cleaned = reason.replace("\x00", "").encode("utf-8", "replace").decode()
    return cleaned[:LONGEST_REASON] or None
