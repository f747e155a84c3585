"""What turns the deliveries of one source into events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import psycopg

from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.ingestion.inbox.delivery import DeliveryState, InboxDelivery


class Outcome(StrEnum):
    """What a translation makes of its delivery.

    SET_ASIDE: kept, and nothing derived (tests, unknown kinds). UNPARSEABLE: verified, and yet not to be read.
    """

    TRANSLATED = DeliveryState.TRANSLATED.value
    SET_ASIDE = DeliveryState.SET_ASIDE.value
    UNPARSEABLE = DeliveryState.UNPARSEABLE.value


@dataclass(frozen=True)
class Translation:
    """What one delivery came to: no entries where it told nothing new. *note* never repeats the body."""

    entries: Sequence[LogEntry] = ()
    state: Outcome = Outcome.TRANSLATED
    note: str | None = None


class Translator(Protocol):
    """Derives events of one source from its deliveries and from what it saw before.

    It reads and writes tables of its own on the connection that it is given, in the transaction of the batch. It
    commits nothing, appends nothing, and remembers nothing elsewhere: what it did may be rolled back, and asked for
    again.
    """

    @property
    def source(self) -> str: ...

    def translate(self, connection: psycopg.Connection[Any], delivery: InboxDelivery) -> Translation:
        """Once a delivery, in the order of ids. What it raises sets the delivery to failed, and the next ones go on;
        errors of the database that pass let the whole batch be tried again."""
        ...

    def due(self, connection: psycopg.Connection[Any], now: datetime) -> Sequence[LogEntry]:
        """What time alone has made due by *now*. Asked only when no delivery waits, so that none could change it."""
        ...


@runtime_checkable
class BatchTranslator(Translator, Protocol):
    """A translator that reads and writes its tables once for many deliveries."""

    def translate_many(
        self, connection: psycopg.Connection[Any], deliveries: Sequence[InboxDelivery]
    ) -> Sequence[Translation]:
        """What `translate` returns for each, one after the other, with the same left in the translator's tables."""
        ...
