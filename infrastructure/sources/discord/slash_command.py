"""The command /ledger: how Discord is told of it, and what somebody asked with it."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from temple_ledger.infrastructure.sources.discord.snowflake import is_snowflake

NAME: Final = "ledger"
SUBCOMMAND, STRING, USER, ROLE = 1, 3, 6, 8
"""Types of options."""
CHAT_INPUT: Final = 1
QUESTION: Final = 2
"""The type of an interaction by which a command is called."""

Option = Mapping[str, Any]


def _option(kind: int, name: str, description: str, *, required: bool = False) -> Option:
    return {"type": kind, "name": name, "description": description, "required": required}


def _subcommand(name: str, description: str, *options: Option) -> Option:
    return {"type": SUBCOMMAND, "name": name, "description": description, "options": list(options)}


_DAY: Final = "A day, such as 2026-03-01, or a time, such as 2026-03-01T18:00Z"
_WHO: Final = _option(USER, "who", "The member, also one who has left (by id)", required=True)
_ROLE: Final = _option(ROLE, "role", "The role", required=True)

LEDGER: Final[Mapping[str, Any]] = {
    "type": CHAT_INPUT,
    "name": NAME,
    "description": "Ask the ledger who holds what, since when, and why; only you see the answer",
    "options": [
        _subcommand(
            "member", "What somebody holds, and what happened to them last", _WHO, _option(STRING, "day", _DAY)
        ),
        _subcommand("role", "Who holds a role, the newest first", _ROLE, _option(STRING, "day", _DAY)),
        _subcommand(
            "changes", "Who gained a role and who lost it", _ROLE, _option(STRING, "since", f"{_DAY}; or a week back")
        ),
        _subcommand("why", "Who gave somebody a role or took it, when, and why", _WHO, _ROLE),
        _subcommand("mismatches", "Who pays without the role, and who has the role without paying"),
    ],
}
"""What is registered; each name is a branch of `slash_answers`."""


class SlashQuestion(NamedTuple):
    """`kind` is a subcommand; `day` and `since` are as they were written."""

    kind: str
    who: str | None = None
    role: str | None = None
    day: str | None = None
    since: str | None = None


class Interaction(NamedTuple):
    """`question` is None for what is no question of ours. `asker` is who asked, with `roles` at that moment."""

    id: str
    token: str
    application: str
    guild: str
    asker: str
    roles: frozenset[str]
    question: SlashQuestion | None
    users: tuple[Mapping[str, Any], ...]


def interaction_of(data: Mapping[str, Any]) -> Interaction | None:
    """None for one of another sort, and for what is not as Discord documents it."""
    try:
        member = data["member"]
        found = Interaction(
            id=str(data["id"]),
            token=str(data["token"]),
            application=str(data["application_id"]),
            guild=str(data["guild_id"]),
            asker=str(member["user"]["id"]),
            roles=frozenset(map(str, member["roles"])),
            question=_question(data["data"]),
            users=tuple((data["data"].get("resolved") or {}).get("users", {}).values()),
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        return None
    ids = (found.id, found.application, found.guild, found.asker)
    return found if data.get("type") == QUESTION and all(map(is_snowflake, ids)) and found.token else None


def _question(command: Mapping[str, Any]) -> SlashQuestion | None:
    """Raises KeyError, TypeError and ValueError where it is not as documented."""
    if command["name"] != NAME:
        return None
    ((kind, given),) = ((each["name"], each.get("options") or ()) for each in command["options"])
    known: dict[str, Mapping[str, Any]] = {each["name"]: each for each in LEDGER["options"]}
    if kind not in known:
        return None
    values = {str(each["name"]): str(each["value"]) for each in given}
    if not values.keys() <= {each["name"] for each in known[kind]["options"]}:
        return None
    if any(each["required"] and each["name"] not in values for each in known[kind]["options"]):
        return None
    return SlashQuestion(kind, **values)
