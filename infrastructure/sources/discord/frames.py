"""Frames of the gateway as deliveries, and read again."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import uuid4

from pydantic_core import from_json

from temple_ledger.domain.errors import UnreadableDelivery
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery
from temple_ledger.infrastructure.sources.discord.change import SOURCE
from temple_ledger.infrastructure.sources.discord.snowflake import is_snowflake

WANTED: Final = frozenset(
    {
        "READY",
        "RESUMED",
        "RATE_LIMITED",
        "GUILD_CREATE",
        "GUILD_DELETE",
        "GUILD_MEMBER_ADD",
        "GUILD_MEMBER_UPDATE",
        "GUILD_MEMBER_REMOVE",
        "GUILD_ROLE_CREATE",
        "GUILD_ROLE_UPDATE",
        "GUILD_ROLE_DELETE",
        "GUILD_BAN_ADD",
        "GUILD_BAN_REMOVE",
        "GUILD_AUDIT_LOG_ENTRY_CREATE",
    }
)
"""The dispatches that are stored."""


END_OF_SEQUENCES: Final = 1 << 63
LONGEST_SESSION: Final = 100


class UnreadableFrame(UnreadableDelivery):
    """A frame that is not what Discord documents. The message names the field, never its value."""


class Frame(NamedTuple):
    kind: str
    sequence: int
    data: Mapping[str, Any]


def frame_of(text: str | bytes) -> Frame | None:
    """None for what is no dispatch. Raises UnreadableFrame."""
    try:
        value = from_json(text)
    except ValueError:
        raise UnreadableFrame("not JSON") from None
    if not isinstance(value, dict) or value.get("op") != 0:
        return None
    kind, sequence, data = value.get("t"), value.get("s"), value.get("d")
    if not isinstance(kind, str) or type(sequence) is not int or not 0 <= sequence < END_OF_SEQUENCES:
        raise UnreadableFrame("a dispatch without t or s")
    return Frame(kind, sequence, data if isinstance(data, dict) else {})


def session_of(ready: Frame) -> str:
    """The session that begins; of our own making where it has no name, so that its frames are stored all the same."""
    name = ready.data.get("session_id")
    if not isinstance(name, str) or not name:
        return f"unnamed {uuid4()}"
    return "".join(each if each.isprintable() else "?" for each in name)[:LONGEST_SESSION]


def delivery_of(frame: Frame, text: str | bytes, session: str, received_at: datetime) -> Delivery:
    """Replayed after a RESUME, a frame has the digest that it had before."""
    return Delivery(
        SOURCE,
        frame.kind,
        text.encode() if isinstance(text, str) else text,
        sha256(f"{session}\0{frame.sequence}\0{frame.kind}".encode()).digest(),
        received_at,
        session,
        {"s": frame.sequence},
    )


def snowflake(data: Mapping[str, Any], *path: str) -> str:
    """Raises UnreadableFrame."""
    value: Any = data
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if not is_snowflake(value):
        raise UnreadableFrame(f"{'.'.join(path)} is no id")
    return str(value)


def snowflakes(data: Mapping[str, Any], name: str) -> frozenset[str]:
    """Raises UnreadableFrame."""
    value = data.get(name)
    if not isinstance(value, list) or not all(map(is_snowflake, value)):
        raise UnreadableFrame(f"{name} is no list of ids")
    return frozenset(value)


def mappings(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Raises UnreadableFrame: of a list that is none, or that has something else in it, nothing is passed over."""
    value = data.get(name)
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise UnreadableFrame(f"{name} is no list of objects")
    return value
