"""What a sender told us, raw."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

MAX_KIND: Final = 100


class DeliveryState(StrEnum):
    """Where a delivery stands. Waiting and failed ones are never pruned."""

    WAITING = "waiting"
    TRANSLATED = "translated"
    SET_ASIDE = "set_aside"
    UNPARSEABLE = "unparseable"
    FAILED = "failed"


@dataclass(frozen=True)
class Delivery:
    """`body` is byte by byte what came. Two with one source and digest are the same delivery.

    `kind` is the trigger or the name of the dispatch, `origin` the door it came through (the path of a campaign, the
    session of a gateway), `details` small facts about the delivery itself: never names or e-mails, which only the
    body may hold.
    """

    source: str
    kind: str
    body: bytes
    digest: bytes
    received_at: datetime
    origin: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class InboxDelivery(Delivery):
    """As it is read back; ids of one source grow in the order in which deliveries were kept."""

    id: int = field(kw_only=True)


def digest_of(kind: bytes, body: bytes) -> bytes:
    """Of a sender who gives its deliveries no id: the same bytes under the same kind are the same delivery."""
    return sha256(kind + b"\0" + body).digest()
