"""One batch of deliveries in one transaction: events, the translator's state and the marks agree, or nothing is."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
import structlog

from temple_ledger.domain.errors import EventConflict
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.delivery import DeliveryState, InboxDelivery
from temple_ledger.infrastructure.ingestion.inbox.failure import LONGEST_NOTE, describe_failure, is_delivery_fault
from temple_ledger.infrastructure.ingestion.inbox.translator import BatchTranslator, Translation, Translator
from temple_ledger.infrastructure.log.append import append_within

Connection = psycopg.Connection[Any]
log = structlog.get_logger("temple.inbox")


class Stepped(NamedTuple):
    """What a step did: deliveries marked, and events added to the log.

    `due` are those of the events that no delivery brought: while there are any, there may be more. `drained` when no
    delivery waited after it. `elsewhere` when somebody else translates this source at the moment,
    and nothing was done.
    """

    deliveries: int = 0
    events: int = 0
    failed: int = 0
    conflicts: int = 0
    due: int = 0
    drained: bool = False
    elsewhere: bool = False


class Marked(NamedTuple):
    id: int
    state: DeliveryState
    note: str | None


@dataclass
class _Done:
    marks: list[Marked] = field(default_factory=list)
    events: int = 0
    conflicts: int = 0
    due: int = 0


def translate_batch(connection: Connection, translator: Translator, *, limit: int, now: datetime) -> Stepped:
    """At most *limit* deliveries, and what is due when none is left after them; *connection* is in autocommit.

    When one of them cannot be translated, the batch is done again one by one, and only that one fails.
    Raises psycopg.Error, which leaves nothing behind.
    """
    try:
        with connection.transaction():
            return _step(connection, translator, limit, now, _all_at_once)
    except Exception as error:
        if not is_delivery_fault(error):
            raise
    with connection.transaction():
        return _step(connection, translator, limit, now, _one_by_one)


def _step(connection: Connection, translator: Translator, limit: int, now: datetime, work: Any) -> Stepped:
    if not _held(connection, translator.source):
        return Stepped(elsewhere=True)
    rows = connection.execute(
        statement("inbox_waiting"), {"source": translator.source, "limit": limit}, prepare=True
    ).fetchall()
    drained = len(rows) < limit
    done: _Done = work(connection, translator, rows, now if drained else None)
    failed = sum(mark.state is DeliveryState.FAILED for mark in done.marks)
    if done.marks or done.events or done.conflicts:
        _write(connection, translator.source, done, failed)
    return Stepped(len(done.marks), done.events, failed, done.conflicts, done.due, drained)


def _held(connection: Connection, source: str) -> bool:
    """Takes the source's row until the transaction ends. False when somebody else has it."""
    for _ in range(2):
        if connection.execute(statement("translator_hold"), {"source": source}, prepare=True).fetchone():
            return True
        if connection.execute(statement("translator_create"), {"source": source}).rowcount == 0:
            return False
    return False


def _all_at_once(
    connection: Connection, translator: Translator, rows: Sequence[tuple[Any, ...]], now: datetime | None
) -> _Done:
    """One append for all of them. Raises what a translation raises."""
    translations = _translations(connection, translator, [_stored(translator.source, row) for row in rows])
    translated = [(row[0], translation) for row, translation in zip(rows, translations, strict=True)]
    due = [] if now is None else translator.due(connection, now)
    entries = [entry for _, translation in translated for entry in translation.entries]
    outcomes = iter(append_within(connection, [*entries, *due]))
    done = _Done()
    for id_, translation in translated:
        done.marks.append(_marked(id_, translation, _conflicts(outcomes, translation.entries, done)))
    _count_due(outcomes, due, done)
    return done


def _translations(
    connection: Connection, translator: Translator, deliveries: Sequence[InboxDelivery]
) -> Sequence[Translation]:
    if isinstance(translator, BatchTranslator):
        return translator.translate_many(connection, deliveries)
    return [translator.translate(connection, delivery) for delivery in deliveries]


def _one_by_one(
    connection: Connection, translator: Translator, rows: Sequence[tuple[Any, ...]], now: datetime | None
) -> _Done:
    """Each within a savepoint. Raises only what is no delivery's fault."""
    done = _Done()
    for row in rows:
        try:
            with connection.transaction():
                translation = translator.translate(connection, _stored(translator.source, row))
                outcomes = iter(append_within(connection, translation.entries))
        except Exception as error:
            if not is_delivery_fault(error):
                raise
            done.marks.append(Marked(row[0], DeliveryState.FAILED, describe_failure(error)))
            log.error(
                "delivery not translated", source=translator.source, delivery=row[0], reason=describe_failure(error)
            )
            continue
        done.marks.append(_marked(row[0], translation, _conflicts(outcomes, translation.entries, done)))
    if now is not None:
        _due(connection, translator, now, done)
    return done


def _due(connection: Connection, translator: Translator, now: datetime, done: _Done) -> None:
    try:
        with connection.transaction():
            due = translator.due(connection, now)
            outcomes = iter(append_within(connection, due))
    except Exception as error:
        if not is_delivery_fault(error):
            raise
        log.error("what is due could not be derived", source=translator.source, reason=describe_failure(error))
        return
    _count_due(outcomes, due, done)


def _count_due(outcomes: Iterator[Any], due: Sequence[LogEntry], done: _Done) -> None:
    before = done.events
    _report(_conflicts(outcomes, due, done))
    done.due = done.events - before


def _stored(source: str, row: tuple[Any, ...]) -> InboxDelivery:
    id_, kind, body, digest, received_at, origin, details = row
    return InboxDelivery(source, kind, body, digest, received_at, origin, json.loads(details), id=id_)


def _conflicts(outcomes: Iterator[Any], entries: Sequence[LogEntry], done: _Done) -> list[EventConflict]:
    """Counts what became of *entries*, whose outcomes come next."""
    found = [next(outcomes) for _ in entries]
    conflicts = [each for each in found if isinstance(each, EventConflict)]
    done.conflicts += len(conflicts)
    done.events += sum(not isinstance(each, EventConflict) and each.added for each in found)
    return conflicts


def _marked(id_: int, translation: Translation, conflicts: Sequence[EventConflict]) -> Marked:
    notes = [translation.note] if translation.note else []
    notes += [f"event_id {each.event_id} is in the log with another content" for each in conflicts]
    _report(conflicts)
    return Marked(id_, DeliveryState(translation.state.value), "; ".join(notes)[:LONGEST_NOTE] or None)


def _report(conflicts: Sequence[EventConflict]) -> None:
    for each in conflicts:
        log.error("event refused", event_id=each.event_id, position=each.position, reason="it has another content")


def _write(connection: Connection, source: str, done: _Done, failed: int) -> None:
    if done.marks:
        ids, states, notes = zip(*done.marks, strict=True)
        connection.execute(
            statement("inbox_mark"),
            {"ids": list(ids), "states": [state.value for state in states], "notes": list(notes)},
            prepare=True,
        )
    connection.execute(
        statement("translator_count"),
        {
            "source": source,
            "deliveries": len(done.marks),
            "events": done.events,
            "conflicts": done.conflicts,
            "failures": failed,
        },
        prepare=True,
    )
