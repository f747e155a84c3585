"""What leaves the ledger, in short: messages of effects, and who reads the changes of projections."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from temple_ledger.domain.words import plural, span
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.health import Trouble

MOST_COUNTED: Final = 10_000
DELIVERED_SECONDS: Final = 300.0
"""A message that waits for longer than this waits for somebody."""
READ_SECONDS: Final = 3_600.0


@dataclass(frozen=True)
class Outbox:
    """Messages of all `effects`; `waiting` and `failed` are counted up to MOST_COUNTED. `delivering`: somebody does."""

    waiting: int
    failed: int
    oldest_seconds: float | None
    delivering: bool
    effects: int


@dataclass(frozen=True)
class Reader:
    """A consumer of a feed. `behind`: it has to begin anew. `waits_seconds`: since when it has not read something."""

    projection: str
    consumer: str
    behind: bool
    waits_seconds: float | None


@dataclass(frozen=True)
class Outgoing:
    outbox: Outbox
    readers: Sequence[Reader]


def outgoing(connection: Connection) -> Outgoing:
    row = connection.execute(statement("status_outbox"), {"most": MOST_COUNTED}).fetchone()
    outbox = Outbox(*row) if row is not None else Outbox(0, 0, None, delivering=False, effects=0)
    return Outgoing(outbox, [Reader(*row) for row in connection.execute(statement("status_feed"))])


def outgoing_troubles(found: Outgoing) -> Iterator[Trouble]:
    outbox = found.outbox
    if outbox.failed:
        yield Trouble(f"{plural(outbox.failed, 'message')} of effects failed or parked", "temple effects list")
    if outbox.oldest_seconds is not None and outbox.oldest_seconds > DELIVERED_SECONDS:
        waits = f"{plural(outbox.waiting, 'message')} of effects not delivered yet, the oldest for "
        todo = "temple effects list" if outbox.delivering else "temple effects run"
        yield Trouble(f"{waits}{span(outbox.oldest_seconds)}", todo)
    for reader in found.readers:
        who = f"consumer {reader.consumer} of {reader.projection}"
        if reader.behind:
            yield Trouble(f"{who} was away for too long, and has to begin anew", "temple feed list")
        elif reader.waits_seconds is not None and reader.waits_seconds > READ_SECONDS:
            yield Trouble(f"{who} has not read what waits for {span(reader.waits_seconds)}", "temple feed list")
