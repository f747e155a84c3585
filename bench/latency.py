"""From the append of an event to its rows in the tables; and what a runner asks while nothing happens."""

import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final
from uuid import uuid4

from bench.apart import SPAWN, alone, apart
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.history import entries, history
from bench.rounds import Contender, take_turns
from bench.runner import daemon, folded, position
from bench.site import rows
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.notifier import Notifier

PERCENTILES: Final = (50, 95, 99)
WARM_UP_SECONDS: Final = 1.0
CAUGHT_UP_SECONDS: Final = 60
CALM_SECONDS: Final = 2.0
OBSERVE_EVERY_SECONDS: Final = 0.005
LATE_EVERY: Final = 33
LATE_BY: Final = timedelta(days=1)

JOURNAL: Final = "recorded to committed, by the journal"
JOURNAL_OBSERVED: Final = "recorded to committed, by the journal, while somebody observes"
OBSERVED: Final = "recorded to seen, by an observer"
BEHIND: Final = "appends behind their schedule, at most"
IDLE: Final = "queries of an idle runner"


@dataclass(frozen=True)
class Steady:
    """Positions of the appends that count, and by how much the latest of them began late."""

    after: int
    upto: int
    behind_seconds: float


def append_steadily(dsn: str, path: Path, rate: int, seconds: float) -> Steady:
    """*rate* events a second, by the clock: one that takes long does not delay the next ones' schedule.

    The events are of now, but for 3 % that come a day late.
    """
    given = entries(path, 5_000)
    first, behind, last = 0, 0.0, 0
    database = Database(dsn)
    with Notifier(database) as notifier, LogAppender(database, notifier=notifier) as appender:
        started = time.perf_counter()
        for number in range(int((WARM_UP_SECONDS + seconds) * rate)):
            due = started + number / rate
            if (early := due - time.perf_counter()) > 0:
                time.sleep(early)
            occurred_at = datetime.now(UTC) - (LATE_BY if number % LATE_EVERY == 0 else timedelta())
            entry = given[number % len(given)]._replace(event_id=uuid4(), timestamp=occurred_at)
            if number < WARM_UP_SECONDS * rate:
                first = appender.append(entry).position
            else:
                behind = max(behind, time.perf_counter() - due)
                last = appender.append(entry).position
    return Steady(first, last, behind)


def observe(dsn: str, ready: Event, enough: Event) -> list[tuple[float, int]]:
    """Each position that the checkpoint of `members` was seen to have, and when it was seen first.

    Rows and checkpoint are committed together, so whoever sees the one sees the other. Asked every few milliseconds,
    so a position may have been there for that long before.
    """
    seen: list[tuple[float, int]] = []
    with Database(dsn).connect(DatabaseRole.READ) as connection:
        while not enough.is_set():
            row = connection.execute(
                "select position from projection_checkpoint where projection = 'members'", prepare=True
            ).fetchone()
            assert row is not None
            if not seen or row[0] > seen[-1][1]:
                seen.append((time.time(), row[0]))
            ready.set()
            time.sleep(OBSERVE_EVERY_SECONDS)
    return seen


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    of = history(bench.site, sizes.events, sizes.members)
    template = folded(bench.site, of)

    slow, quick = sizes.steady_rates

    def steady(observed: bool, rate: int) -> Mapping[str, float]:
        with ExitStack() as stack:
            dsn = stack.enter_context(bench.site.copy(template))
            runner = stack.enter_context(apart(daemon, dsn))
            _await_caught_up(dsn)
            figures: dict[str, float] = {}
            if not observed:
                figures[IDLE] = _idle_rate(bench, dsn)
            where = "" if rate == slow else f", at {rate}/s"
            ready, enough = SPAWN.Event(), SPAWN.Event()
            observer = stack.enter_context(apart(observe, dsn, ready, enough)) if observed else None
            if observed:
                ready.wait(CAUGHT_UP_SECONDS)
            done = alone(append_steadily, dsn, of.path, rate, sizes.steady_seconds)
            _await_caught_up(dsn)
            figures |= _percentiles((JOURNAL_OBSERVED if observed else JOURNAL) + where, _by_journal(dsn, done))
            if observer is not None:
                time.sleep(10 * OBSERVE_EVERY_SECONDS)
                enough.set()
                figures |= _percentiles(OBSERVED + where, _by_observer(dsn, done, observer.result()))
            else:
                figures[BEHIND] = 1_000 * done.behind_seconds
            runner.ask_to_end()
            return figures

    contenders: dict[str, Contender] = {
        "unobserved": lambda: steady(False, slow),
        "observed": lambda: steady(True, slow),
        f"observed, at {quick}/s": lambda: steady(True, quick),
    }
    done = take_turns(contenders, sizes.rounds, bench.say)
    idle = done.series(IDLE, "queries/s")
    latencies = [
        done.series(_name(what, percentile), "ms")
        for what in (JOURNAL, JOURNAL_OBSERVED, OBSERVED, f"{OBSERVED}, at {quick}/s")
        for percentile in PERCENTILES
    ]
    return Findings(
        bench="latency",
        title="From append to visible, and the idle runner",
        how=(
            f"A log of {sizes.events:,} events, caught up; a runner as a daemon; another process appends {slow} "
            f"events/s (and {quick}, where that is said) for {sizes.steady_seconds:g} s through `LogAppender`, on "
            "schedule whatever the last one took, of now but for 3 % that come a day late. Measured twice: from "
            "`recorded_at` to the time that the journal of batches gives (`webhook_audit_trail`), which nobody "
            "pays for but which misses the commit's own write to disk; and from `recorded_at` to the moment an "
            f"observer, who asks for the checkpoint every {1_000 * OBSERVE_EVERY_SECONDS:g} ms, sees it. The target "
            "holds for the observer, whose figure is the greater one; the journal's, with and without an observer, "
            f"says how much he disturbs. The idle runner is watched for {sizes.idle_seconds:g} s through "
            "pg_stat_database, from another database; each of its queries is a transaction of its own then."
        ),
        series=(*latencies, done.series(BEHIND, "ms"), idle),
        goals=(
            Goal("visible_p95", done.series(_name(OBSERVED, 95), "ms"), target=12, at_least=False),
            Goal(
                "visible_p95_quick",
                done.series(_name(f"{OBSERVED}, at {quick}/s", 95), "ms"),
                target=25,
                at_least=False,
            ),
            Goal("idle_queries", idle, target=25, at_least=False),
        ),
        load=done.load,
    )


def _await_caught_up(dsn: str) -> None:
    deadline = time.monotonic() + CAUGHT_UP_SECONDS
    while rows(dsn, "select max(id) from webhook_audit_log") != [(position(dsn),)]:
        assert time.monotonic() < deadline, "the runner does not catch up"
        time.sleep(0.05)


def _idle_rate(bench: Bench, dsn: str) -> float:
    # backends report what they counted with up to a second's delay
    time.sleep(CALM_SECONDS)
    before, started = bench.site.transactions(dsn), time.perf_counter()
    time.sleep(bench.sizes.idle_seconds)
    return (bench.site.transactions(dsn) - before) / (time.perf_counter() - started)


def _by_journal(dsn: str, done: Steady) -> list[float]:
    found = rows(
        dsn,
        "select extract(epoch from processed_at - recorded_at)::float8 from webhook_audit_trail "
        "where id > %s and id <= %s",
        (done.after, done.upto),
    )
    return [seconds for (seconds,) in found]


def _by_observer(dsn: str, done: Steady, seen: Sequence[tuple[float, int]]) -> list[float]:
    recorded = rows(
        dsn,
        "select id, extract(epoch from recorded_at)::float8 from webhook_audit_log where id > %s and id <= %s",
        (done.after, done.upto),
    )
    return [
        seen[bisect_left(seen, place, key=lambda each: each[1])][0] - recorded_at for place, recorded_at in recorded
    ]


def _percentiles(what: str, seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        _name(what, percentile): 1_000 * ordered[ceil(len(ordered) * percentile / 100) - 1]
        for percentile in PERCENTILES
    }


def _name(what: str, percentile: int) -> str:
    return f"{what}, p{percentile}"
