"""Effects: messages that follow from the changes of a projection.

    @moderation.effect
    def notify_moderators(change: Change[Record]) -> Message | None:
        if change.after.points < 10 or (change.before and change.before.points >= 10):
            return None
        return Message("moderators", {"member": change.user_id, "points": change.after.points})

A pure function of a change: it is called in the transaction that stores the change, and what it returns is stored with
it, in the outbox. It is delivered at least once, by a process of its own, under an id that stays the same.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from temple_ledger.domain.errors import InvalidEvent, ProjectionMisdeclared
from temple_ledger.domain.log_entry import metadata_text
from temple_ledger.projections.change import Change
from temple_ledger.projections.tables import check_name

USUAL_AGE: Final = timedelta(days=1)
LONGEST_TYPE: Final = 100


@dataclass(frozen=True)
class Message:
    """What goes to *sink*, a name that the settings give an address: *data* is a JSON object.

    *type* is what a webhook calls it; by default the name of the effect. A Discord channel shows `data["content"]`.
    """

    sink: str
    data: Mapping[str, Any]
    type: str | None = None


EffectFunction = Callable[[Change[Any]], "Message | Iterable[Message] | None"]


@dataclass(frozen=True)
class Effect:
    """*max_age*: an event that occurred longer than this before it was recorded raises none; None: any age."""

    name: str
    function: EffectFunction
    max_age: timedelta | None = USUAL_AGE

    def __post_init__(self) -> None:
        check_name("effect", self.name)
        age: object = self.max_age
        if age is not None and not (isinstance(age, timedelta) and age > timedelta(0)):
            raise ProjectionMisdeclared(f"effect {self.name}: {age!r} is no max_age: a timedelta above zero, or None")

    def messages(self, change: Change[Any]) -> list[tuple[Message, str]]:
        """Each with its data as JSON text. Raises what the function raises, and ProjectionMisdeclared."""
        returned = self.function(change)
        given = [returned] if isinstance(returned, Message) else list(returned or ())
        return [(each, self._checked(each)) for each in given]

    def _checked(self, message: object) -> str:
        if not isinstance(message, Message):
            raise ProjectionMisdeclared(f"effect {self.name} returned {type(message).__name__}, which is no Message")
        check_name("sink", message.sink)
        if message.type is not None and not 0 < len(message.type) <= LONGEST_TYPE:
            raise ProjectionMisdeclared(f"effect {self.name}: a type has 1 to {LONGEST_TYPE} characters")
        return data_text(message, f"effect {self.name}: ")


def data_text(message: Message, of: str = "") -> str:
    """The data of a message as the JSON text that is sent. Raises ProjectionMisdeclared, which begins with *of*."""
    if not isinstance(message.data, Mapping):
        raise ProjectionMisdeclared(f"{of}the data of a message is a JSON object")
    try:
        return metadata_text(dict(message.data))
    except InvalidEvent as error:
        reason = error.reason.removeprefix("metadata ")
        raise ProjectionMisdeclared(f"{of}the data of a message {reason}") from None
