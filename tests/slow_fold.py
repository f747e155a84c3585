"""The rules of the table of events, written a second time, slowly and by other means: an oracle for tests.

Sort all events of the member, keep plain dictionaries, reuse nothing of the project's code.
"""

from datetime import datetime
from typing import Any

Line = dict[str, Any]
"""A line of the log: the log's columns, `timestamp` a datetime, with `id`."""

ROLE_TABLE = "discord_user_current_roles"
STATUS_TABLE = "temple_member_status"
MEMBER_EVENTS = {
    ("discord_join", "joined"),
    ("discord_leave", "left"),
    ("discord_role_change", "added"),
    ("discord_role_change", "removed"),
    ("patreon_membership", "started"),
    ("patreon_membership", "changed"),
    ("patreon_membership", "declined"),
    ("patreon_membership", "ended"),
    ("member_inactivity", "marked"),
}


def slow_fold(lines: list[Line]) -> dict[str, dict[Any, Any]]:
    """{table: {key: row}} for all members; keys (user_id, role) and user_id."""
    roles: dict[tuple[str, str], tuple[datetime, str | None]] = {}
    statuses: dict[str, tuple[Any, ...]] = {}
    for user_id in {line["user_id"] for line in lines}:
        mine = [line for line in lines if line["user_id"] == user_id]
        mine = [line for line in mine if (line["event_type"], line["action"]) in MEMBER_EVENTS]
        if not mine:
            continue
        mine.sort(key=lambda line: (line["timestamp"], line["id"]))
        held: dict[str, tuple[datetime, str | None]] = {}
        joined: datetime | None = None
        tier: str | None = None
        status = "active"
        for line in mine:
            what, action, when = line["event_type"], line["action"], line["timestamp"]
            metadata = line["metadata"] if isinstance(line["metadata"], dict) else {}
            if what == "discord_join":
                if joined is None or status == "departed":
                    joined = when
                status = "active"
            elif what == "discord_leave":
                status = "departed"
                held.clear()
            elif action == "added":
                if status == "departed":
                    joined = None
                status = "active"
                by = metadata.get("granted_by")
                by = by if isinstance(by, str) and by else None
                if line["target"] in held and by is None:
                    by = held[line["target"]][1]
                held[line["target"]] = (when, by)
            elif action == "marked":
                if status == "active":
                    status = "inactive"
            else:
                if action == "removed":
                    held.pop(line["target"], None)
                elif what == "patreon_membership":
                    tier = line["target"]
                if status == "inactive":
                    status = "active"
        signs = [line["timestamp"] for line in mine if line["action"] != "marked"]
        statuses[user_id] = (joined, tier, len(held), max(signs) if signs else None, status)
        for role, grant in held.items():
            roles[user_id, role] = grant
    return {ROLE_TABLE: roles, STATUS_TABLE: statuses}
