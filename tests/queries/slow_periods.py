"""The periods of roles written a second time, by their definition: an oracle that reuses nothing of the project.

A role is held after an event if the latest of its grants, its removals and the member's leaves is a grant. A period is
a longest run of events after which it is held.
"""

from collections.abc import Iterator, Sequence
from typing import Any

Line = dict[str, Any]
"""A row of the log by its columns, `timestamp` a datetime, `metadata` a dict."""


def slow_periods(lines: Sequence[Line], role: str) -> Iterator[tuple[Any, ...]]:
    """Of one member's lines, in any order, as rows of the table `role_periods`."""
    about = sorted((each for each in lines if _is_about(each, role)), key=lambda each: (each["timestamp"], each["id"]))
    held = [each["action"] == "added" for each in about]
    for first in range(len(about)):
        if not held[first] or (first and held[first - 1]):
            continue
        end = next((place for place in range(first, len(about)) if not held[place]), None)
        grants = about[first:end]
        begun = grants[0]
        start = (begun["id"], role, begun["timestamp"])
        names = [name for each in grants if (name := _text(each, "granted_by"))]
        granted = (grants[-1]["timestamp"], names[-1] if names else None, len(grants))
        if end is None:
            yield (*start, None, *granted, None, None, None)
            continue
        over = about[end]
        again = [each for each in about[end:] if _is_same_fact(over, each)]
        by = [name for each in again if (name := _text(each, "by"))]
        yield (*start, over["timestamp"], *granted, over["id"], by[-1] if by else None, _ending(over))


def _is_about(line: Line, role: str) -> bool:
    if line["event_type"] == "discord_leave":
        return bool(line["action"] == "left")
    return bool(line["event_type"] == "discord_role_change" and line["target"] == role)


def _is_same_fact(one: Line, other: Line) -> bool:
    return all(one[column] == other[column] for column in ("timestamp", "event_type", "action"))


def _ending(line: Line) -> str:
    if line["action"] == "left":
        return "left"
    return "role deleted" if line["metadata"].get("how") == "role deleted" else "removed"


def _text(line: Line, key: str) -> str | None:
    value = line["metadata"].get(key)
    return value if isinstance(value, str) and value else None
