"""Whether the log is what was sealed: compared seal by seal, going on where the last one had to stop."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

import psycopg

from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.position import START, Position
from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.seals.finding import BEYOND, DELETED, HEAD, Finding, merged, where
from temple_ledger.infrastructure.seals.head import Head

SEALS_AT_A_TIME: Final = 40
WORKERS: Final = 2
MOST_FINDINGS: Final = 1_000
APPLICATION: Final = "temple seal verify"

Connection = psycopg.Connection[Any]
Progress = Callable[[int], None]
"""Called with the number of the seal up to which all is compared."""


@dataclass(frozen=True)
class Accepted:
    """Events that stand otherwise than they were sealed, because somebody accepted that, at last at `at`."""

    events: int
    at: datetime


@dataclass(frozen=True)
class Proof:
    """`complete` says that every seal was compared; until then `compared` is how far.

    `shortened_to` is the end of a log that is a whole prefix of the sealed one, and nothing worse.
    """

    findings: tuple[Finding, ...]
    complete: bool
    compared: Position
    sealed: Position
    accepted: Accepted | None = None
    shortened_to: Position | None = None

    @property
    def changed(self) -> tuple[Finding, ...]:
        """What is not what was sealed; without triggers that are off, which change nothing by themselves."""
        return tuple(each for each in self.findings if not each.is_of_triggers)

    @property
    def holds(self) -> bool:
        """The whole sealed log was compared, and is what was sealed or accepted."""
        return self.complete and not self.changed

    @property
    def sentence(self) -> str:
        """In one line, for people."""
        open_ = len(self.findings) > len(self.changed)
        return f"{self._verdict}; it is not append-only now" if open_ else self._verdict

    @property
    def _verdict(self) -> str:
        if self.shortened_to is not None:
            return f"the log was shortened to {self.shortened_to}; up to there it is what was sealed"
        if self.changed:
            return f"the LOG was changed{where(self.changed)}"
        if not self.complete:
            return f"compared up to position {self.compared} of {self.sealed}; the next one goes on there"
        if self.sealed == START:
            return "nothing is sealed yet; run: temple seal run"
        if self.accepted is not None:
            what = plural(self.accepted.events, "event") if self.accepted.events else "what was"
            return f"proven up to position {self.sealed}, but for {what} accepted on {self.accepted.at:%Y-%m-%d}"
        return f"proven up to position {self.sealed}"


def prove(
    database: Database,
    *,
    budget_seconds: float | None = None,
    anew: bool = False,
    heads: Sequence[Head] = (),
    progress: Progress = lambda number: None,
    clock: Callable[[], float] = time.monotonic,
) -> Proof:
    """Compares the log with its seals, from where the last proof stopped, until the end or for *budget_seconds*.

    With *anew* from the beginning. *heads* were noted outside: each has to be on the chain. Raises DatabaseUnavailable.
    """
    deadline = None if budget_seconds is None else clock() + budget_seconds
    with ExitStack() as stack, database_errors("proving the log"):
        connections = [
            stack.enter_context(database.connect(DatabaseRole.READ, application=APPLICATION)) for _ in range(WORKERS)
        ]
        notes = _Notes(stack, database, connections[0])
        first, found = (1, []) if anew else notes.read()
        last, _ = _end(connections[0])
        if first > max(last, 1):
            # no proof stops there: the chain is shorter than it was, or the note was changed
            first, found = 1, []
        for number, findings in _compared(connections, first, last):
            found = merged([*found, *findings])
            first = number + 1
            progress(number)
            if first <= last:
                notes.go_on(first, found)
            if deadline is not None and clock() >= deadline:
                break
        if first <= last:
            return _part(connections[0], found, first - 1)
        return _whole(connections[0], notes, found, last, heads)


def _compared(connections: Sequence[Connection], first: int, last: int) -> Iterator[tuple[int, list[Finding]]]:
    """Of each part of the chain, in order: the number of its last seal, and what was found. Some are read ahead."""
    parts = [(number, min(number + SEALS_AT_A_TIME - 1, last)) for number in range(first, last + 1, SEALS_AT_A_TIME)]
    with ThreadPoolExecutor(len(connections), thread_name_prefix="prove") as pool:
        left = iter(enumerate(parts))
        waiting = [
            (part, pool.submit(_check, connections[place % len(connections)], *part))
            for place, part in islice(left, len(connections))
        ]
        while waiting:
            part, checked = waiting.pop(0)
            findings = checked.result()
            for place, following in islice(left, 1):
                waiting.append((following, pool.submit(_check, connections[place % len(connections)], *following)))
            yield part[1], findings


def _check(connection: Connection, first: int, last: int) -> list[Finding]:
    found = connection.execute(statement("seal_check_part"), {"first": first, "last": last}, prepare=True)
    return [Finding(kind, start, end, seal) for seal, kind, start, end in found.fetchall()]


def _part(connection: Connection, found: Sequence[Finding], number: int) -> Proof:
    row = connection.execute(statement("seal_last_position"), {"number": number}).fetchone()
    _, sealed = _end(connection)
    return Proof(tuple(found[:MOST_FINDINGS]), False, Position(row[0] if row else 0), sealed)


def _whole(connection: Connection, notes: "_Notes", found: list[Finding], last: int, heads: Sequence[Head]) -> Proof:
    rest = connection.execute(statement("seal_check_rest")).fetchall()
    found = [*found, *(Finding(kind, start, end, seal) for seal, kind, start, end in rest)]
    missing = _not_on_chain(connection, heads)
    found += [Finding(HEAD, seal=each.seal) for each in missing[:1]]
    row = connection.execute(statement("seal_last_position"), {"number": last}).fetchone()
    sealed = Position(row[0] if row else 0)
    found += _beyond(connection, sealed, [each.position for each in missing if each.seal > last])
    notes.complete(last, sealed, found)
    row = connection.execute(statement("seal_accepted")).fetchone()
    accepted = None if row is None else Accepted(row[0] or 0, row[1])
    shortened = _shortened(connection, found, last, sealed)
    return Proof(tuple(found[:MOST_FINDINGS]), True, sealed, sealed, accepted, shortened)


def _not_on_chain(connection: Connection, heads: Sequence[Head]) -> list[Head]:
    """What follows the first of them differs for the same reason."""
    values = {
        "numbers": [each.seal for each in heads],
        "hashes": [each.hash for each in heads],
        "positions": [each.position for each in heads],
        "times": [each.sealed_at for each in heads],
    }
    elsewhere = connection.execute(statement("seal_heads_elsewhere"), values).fetchall()
    return [heads[place - 1] for (place,) in elsewhere]


def _beyond(connection: Connection, sealed: Position, lost: Sequence[Position]) -> list[Finding]:
    """Events that a lost seal had proven: where they stand, it is the chain that was cut, and not the log."""
    asked = {"sealed": sealed, "upto": max(lost, default=sealed)}
    row = connection.execute(statement("seal_beyond"), asked).fetchone()
    return [] if row is None or row[0] is None else [Finding(BEYOND, row[0], row[1])]


def _shortened(connection: Connection, found: Sequence[Finding], last: int, sealed: Position) -> Position | None:
    """Where the log ends, if it is a whole prefix of what was sealed."""
    deleted = [each.first for each in found if each.kind == DELETED and each.first is not None]
    later = [each for each in found if each.kind == HEAD and each.seal is not None and each.seal > last]
    if not found or len(deleted) + len(later) < len(found):
        return None
    if not deleted:
        return sealed
    row = connection.execute(statement("seal_is_prefix"), {"first": min(deleted)}).fetchone()
    return Position(min(deleted) - 1) if row == (True,) else None


def _end(connection: Connection) -> tuple[int, Position]:
    """The number of the last seal, and how far the log is sealed."""
    row = connection.execute(statement("seal_end")).fetchone()
    return (row[0], Position(row[1])) if row is not None else (0, START)


class _Notes:
    """How far the proof is, in the database, so that a killed one goes on; not for a login that may only read."""

    def __init__(self, stack: ExitStack, database: Database, reader: Connection) -> None:
        self._reader = reader
        self._began_at: datetime | None = None
        self._writer: Connection | None = None
        try:
            self._writer = stack.enter_context(database.connect(DatabaseRole.PROJECT, application=APPLICATION))
        except LedgerError:
            self._writer = None

    def read(self) -> tuple[int, list[Finding]]:
        row = self._reader.execute(statement("seal_proof_read")).fetchone()
        if row is None:
            return 1, []
        first, self._began_at, found = row
        return first, [Finding(*each) for each in found]

    def go_on(self, number: int, found: Sequence[Finding]) -> None:
        row = self._write("seal_proof_go_on", {"next": number, "began_at": self._began_at, "found": _json(found)})
        self._began_at = row[0] if row is not None else self._began_at

    def complete(self, number: int, position: Position, found: Sequence[Finding]) -> None:
        values = {"number": number, "position": position, "found": _json(found), "findings": len(found)}
        self._write("seal_proof_complete", values)

    def _write(self, name: str, values: dict[str, Any]) -> tuple[Any, ...] | None:
        """A standby is read, and takes no notes."""
        if self._writer is None:
            return None
        try:
            done = self._writer.execute(statement(name), values)
            return done.fetchone() if done.description else None
        except psycopg.errors.ReadOnlySqlTransaction:
            self._writer = None
            return None


def _json(found: Sequence[Finding]) -> str:
    return json.dumps([each.as_json() for each in found[:MOST_FINDINGS]])
