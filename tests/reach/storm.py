"""Appends beside a runner, a deliverer and two consumers that are killed at random, and a server that crashes.

Afterwards every change of the log must have reached its sink at least once and no other message any sink; the consumer
that commits with us must have seen each change once, in the order of the log; the other one each at least once, in that
order but for what came again.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any, Final

import psycopg

from temple_ledger.domain.event import Event as DomainEvent
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.read_models.feed.outbox import message_id
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at
from tests.effects.builders import warned, warnings
from tests.effects.test_kills import FileSink
from tests.reach.processes import Child, asked, children, copy, count, deliver, fold

FARTHEST_BEHIND: Final = 2_000
"""Events: appending waits for the others, so that they are killed at work and not when all is over."""
PATIENCE_SECONDS: Final = 120.0
MEMBERS: Final = 300
BEHIND: Final = """
select (select max(id) from webhook_audit_log) - position from projection_checkpoint where projection = 'effective'
"""
WAITING: Final = "select count(*) from effect_outbox where state = 'waiting'"
UNREAD: Final = """
select max(checkpoint.position - consumer.position)
from feed_consumer as consumer join projection_checkpoint as checkpoint using (projection, version)
"""


@dataclass
class Reached:
    """What was found; `again` are deliveries and lines beside the first one of each."""

    seed: int
    changes: int
    seconds: float
    killed: Counter[str]
    delivered_again: int = 0
    copied_again: int = 0


def storm(
    server: EmbeddedServer, name: str, folder: Path, *, changes: int, kill_after: int, crash_after: int, seed: int
) -> Reached:
    """Kills one of the processes for each *kill_after* events, crashes the server for each *crash_after*."""
    database = Database(server.dsn(name))
    ledger = LedgerScenario(database, projections=(warnings,))
    dice, sink, copied = random.Random(seed), FileSink(folder / "delivered"), folder / "copied"
    count(database, follow=False)
    copy(database, copied, follow=False)
    found = Reached(seed, changes, time.monotonic(), Counter())
    points: list[tuple[str, int]] = []
    works = {
        "runner": lambda: fold(database),
        "deliverer": lambda: deliver(database, sink),
        "counter": lambda: count(database),
        "copier": lambda: copy(database, copied),
    }
    with children(works) as begun:
        at_a_time = max(1, min(kill_after, 50))
        for number in range(0, changes, at_a_time):
            drawn = [_drawn(dice, place) for place in range(number, min(number + at_a_time, changes))]
            ledger.given(*(event for _, _, event in drawn))
            points += [(who, worth) for who, worth, _ in drawn]
            if dice.random() < at_a_time / kill_after:
                victim = dice.choice(sorted(begun))
                begun[victim].kill()
                begun[victim].begin_again()
                found.killed[victim] += 1
            if dice.random() < at_a_time / crash_after:
                server.stop("immediate")
                server.start()
                found.killed["server"] += 1
            _let_them_follow(database, begun)
    fold(database, until_caught_up=True)
    deliver(database, sink, until_empty=True)
    count(database, follow=False)
    copy(database, copied, follow=False)
    found.seconds = time.monotonic() - found.seconds
    ledger.then_verified()
    _require_all(database, points, sink, copied, found)
    return found


def _drawn(dice: random.Random, place: int) -> tuple[str, int, DomainEvent]:
    """Every tenth comes late."""
    who, worth = f"m{dice.randrange(MEMBERS)}", dice.randrange(5)
    when: datetime = at(place / 60) - timedelta(hours=dice.randrange(50) if dice.random() < 0.1 else 0)
    return who, worth, warned(who, when, worth)


def _let_them_follow(database: Database, begun: Mapping[str, Child]) -> None:
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, Event()
    behind: list[int] = []
    while time.monotonic() < deadline:
        for each in begun.values():
            each.look_after()
        behind = [asked(database, question) for question in (BEHIND, WAITING, UNREAD)]
        if all(0 <= each <= FARTHEST_BEHIND for each in behind):
            return
        pause.wait(0.01)
    raise AssertionError(f"for {PATIENCE_SECONDS:.0f} s one of them did not follow: {behind}")


def _require_all(
    database: Database, points: list[tuple[str, int]], sink: FileSink, copied: Path, found: Reached
) -> None:
    """By running sums, which no late event changes: the change of an event stands at its position."""
    positions = _positions(database)
    total: Counter[str] = Counter()
    data: dict[int, tuple[str, int, int]] = {}
    for position, (who, worth) in zip(positions, points, strict=True):
        data[position] = (who, total[who], total[who] + worth)
        total[who] += worth
    messages = {
        message_id(warnings.name, 1, position, "every_change", 0): {"member": who, "before": before, "after": after}
        for position, (who, before, after) in data.items()
    }
    delivered = sink.lines()
    assert dict(delivered) == messages, found.seed
    assert all(messages[key] == sent for key, sent in delivered), found.seed
    found.delivered_again = len(delivered) - len(messages)
    due = [(f"{warnings.name}-1-{position}", after) for position, (_, _, after) in data.items()]
    assert _counted(database) == due, found.seed
    lines = [tuple(json.loads(line)) for line in copied.read_text().splitlines()]
    assert list(dict.fromkeys(lines)) == due, found.seed
    found.copied_again = len(lines) - len(due)


def _positions(database: Database) -> list[int]:
    return [number for (number,) in _rows(database, "select id from webhook_audit_log order by id")]


def _counted(database: Database) -> list[tuple[str, int]]:
    return [(name, after) for name, after in _rows(database, "select id, after from counted order by number")]


def _rows(database: Database, question: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.dsn) as connection:
        return connection.execute(question.encode()).fetchall()
