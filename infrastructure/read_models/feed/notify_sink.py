"""A sink within the database: NOTIFY, for whoever listens there."""

import json
from collections.abc import Sequence
from typing import Final

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.feed.sink import Attempt, Connection, OutboxMessage

MOST_BYTES: Final = 7_999
"""What PostgreSQL lets through."""


class NotifySink:
    """A JSON object on a channel: id, type, member, data. Data that is too long for a notification is left out, and is
    null: the listener reads it in effect_outbox by the id."""

    def __init__(self, channel: str) -> None:
        self._channel = channel

    def deliver(self, messages: Sequence[OutboxMessage], connection: Connection) -> Sequence[Attempt]:
        payloads = [_payload(message) for message in messages]
        connection.execute(statement("sink_notify"), {"channel": self._channel, "payloads": payloads})
        return [Attempt(message) for message in messages]


def _payload(message: OutboxMessage) -> str:
    known = {"id": message.id, "entry": message.entry, "type": message.type, "member": message.user_id}
    text = json.dumps({**known, "data": json.loads(message.data)}, ensure_ascii=False)
    return text if len(text.encode()) <= MOST_BYTES else json.dumps({**known, "data": None}, ensure_ascii=False)
