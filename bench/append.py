"""Appending events one by one: our appender, the library's, and the plain INSERT that bounds them both."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final, Protocol
from uuid import uuid4

from eventsourcing.persistence import StoredEvent

from bench.apart import SPAWN, alone, side_by_side
from bench.bench import Bench
from bench.findings import Findings, Goal, best_of
from bench.history import entries, history
from bench.library import Guild, environment, event_of, make_tables
from bench.rounds import Contender, take_turns
from bench.site import rows
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.notifier import Notifier

START_SECONDS: Final = 120
DIFFERENT: Final = 2_000
"""Entries that are appended again and again, each time with a new id."""

PLAIN_INSERT: Final = (
    b"insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source) "
    b"values (%s, %s, %s, %s, %s, %s, %s, %s)"
)

Append = Callable[[int], object]
"""Appends the entry with that number, for the first time."""

Way = Callable[[str, Sequence[LogEntry], int], AbstractContextManager[Sequence[Append]]]
"""Given a DSN, entries and a number of connections: an Append for each of them."""


class Barrier(Protocol):
    def wait(self) -> int: ...

    def abort(self) -> None: ...


@dataclass(frozen=True)
class Burst:
    """On the machine's clock, so that those of several processes compare."""

    appended: int
    started: float
    ended: float

    @property
    def rate(self) -> float:
        """Appends a second."""
        return self.appended / (self.ended - self.started)


@contextmanager
def temple(dsn: str, given: Sequence[LogEntry], connections: int) -> Iterator[Sequence[Append]]:
    database = Database(dsn)

    def one(appender: LogAppender) -> Append:
        return lambda number: appender.append(_new(given, number))

    with ExitStack() as stack:
        notifier = stack.enter_context(Notifier(database))
        yield [one(stack.enter_context(LogAppender(database, notifier=notifier))) for _ in range(connections)]


@contextmanager
def plain(dsn: str, given: Sequence[LogEntry], connections: int) -> Iterator[Sequence[Append]]:
    def one() -> Append:
        connection = stack.enter_context(Database(dsn).connect(DatabaseRole.APPEND))
        return lambda number: connection.execute(PLAIN_INSERT, _new(given, number), prepare=True)

    with ExitStack() as stack:
        yield [one() for _ in range(connections)]


@contextmanager
def library_recorder(
    dsn: str, given: Sequence[LogEntry], connections: int, **settings: str
) -> Iterator[Sequence[Append]]:
    """Its cheapest append: what is stored is made beforehand."""
    with Guild(environment(dsn, CREATE_TABLE="no", **settings)) as application:
        stored = [application.mapper.to_stored_event(event_of(entry, uuid4(), 1)) for entry in given]

        def append(number: int) -> object:
            event = stored[number % len(stored)]
            return application.recorder.insert_events([StoredEvent(uuid4(), 1, event.topic, event.state)])

        yield [append] * connections


@contextmanager
def library_save(dsn: str, given: Sequence[LogEntry], connections: int) -> Iterator[Sequence[Append]]:
    with Guild(environment(dsn, CREATE_TABLE="no")) as application:
        yield [lambda number: application.save(event_of(given[number % len(given)], uuid4(), 1))] * connections


library_functions = partial(library_recorder, POSTGRES_ENABLE_DB_FUNCTIONS="yes")
"""Not its default: without the table lock, so that its subscriptions can lose events."""


def in_threads(way: str, dsn: str, path: Path, connections: int, seconds: float) -> Burst:
    barrier = threading.Barrier(connections, timeout=START_SECONDS)
    with (
        WAYS[way](dsn, entries(path, DIFFERENT), connections) as appends,
        ThreadPoolExecutor(connections) as pool,
    ):
        return _together(list(pool.map(lambda append: _burst(append, barrier, seconds), appends)))


def in_one_process(way: str, dsn: str, path: Path, barrier: Barrier, seconds: float) -> Burst:
    with WAYS[way](dsn, entries(path, DIFFERENT), 1) as [append]:
        return _burst(append, barrier, seconds)


def in_processes(way: str, dsn: str, path: Path, connections: int, seconds: float) -> Burst:
    barrier = SPAWN.Barrier(connections, timeout=START_SECONDS)
    return _together(side_by_side(in_one_process, [(way, dsn, path, barrier, seconds)] * connections))


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    of = history(bench.site, sizes.events, sizes.members)

    def contender(name: str, way: str, apart: bool) -> Contender:
        def append() -> Mapping[str, float]:
            place = bench.site.copy() if way in OURS else bench.site.bare()
            with place as dsn:
                _prepare(dsn, way)
                given = (way, dsn, of.path, sizes.connections, sizes.append_seconds)
                burst = in_processes(*given) if apart else alone(in_threads, *given)
                assert _counted(dsn, way) == burst.appended + sizes.connections
                return {name: burst.rate}

        return append

    names = {
        f"{TITLES[way]}, {sizes.connections} {'processes' if apart else 'threads'}": (way, apart)
        for apart in (False, True)
        for way in (WAYS if not apart else (*OURS, "library_recorder"))
    }
    done = take_turns(
        {name: contender(name, way, apart) for name, (way, apart) in names.items()}, sizes.rounds, bench.say
    )
    series = {place: done.series(name, "appends/s") for name, place in names.items()}
    threads, processes = series["temple", False], series["temple", True]
    default = best_of("default", series["library_recorder", False], series["library_save", False])
    library = series["library_recorder", True]
    return Findings(
        bench="append",
        title="Appending one event at a time",
        how=(
            f"For {sizes.append_seconds:g} s, each of {sizes.connections} connections appends one event after the "
            "other, each a commit of its own. `LogAppender` (with its notifier) against the library's default append "
            "(table lock, NOTIFY, insert in one pipeline), the faster of `Application.save` and `insert_events` with "
            "rows made beforehand, and against a plain `INSERT` of the same columns into the same table in autocommit. "
            "In threads, Python's own lock bounds every figure; so the same is done in processes of one connection "
            "each, which says more of the database."
        ),
        series=(
            *series.values(),
            threads.over(series["plain", False], "LogAppender over plain INSERT, threads"),
        ),
        goals=(
            Goal(
                "threads_over_library",
                threads.over(default, f"{sizes.connections} threads, over the library's"),
                target=3,
            ),
            Goal(
                "processes_over_plain",
                processes.over(series["plain", True], "LogAppender over plain INSERT, processes"),
                target=0.9,
                aim=1.0,
            ),
            Goal(
                "processes_over_library",
                processes.over(library, f"{sizes.connections} processes, over the library's"),
                target=3,
            ),
        ),
        load=done.load,
    )


def _burst(append: Append, barrier: Barrier, seconds: float) -> Burst:
    """After one append more, which is not measured."""
    try:
        append(0)
    except BaseException:
        # the others need not wait for this one
        barrier.abort()
        raise
    barrier.wait()
    started = perf_counter()
    deadline = started + seconds
    number = 0
    while (now := perf_counter()) < deadline:
        number += 1
        append(number)
    return Burst(number, started, now)


def _together(bursts: Sequence[Burst]) -> Burst:
    return Burst(
        sum(burst.appended for burst in bursts),
        min(burst.started for burst in bursts),
        max(burst.ended for burst in bursts),
    )


def _new(given: Sequence[LogEntry], number: int) -> LogEntry:
    return given[number % len(given)]._replace(event_id=uuid4())


def _prepare(dsn: str, way: str) -> None:
    if way not in OURS:
        make_tables(dsn)


def _counted(dsn: str, way: str) -> int:
    table = "webhook_audit_log" if way in OURS else "guild_events"
    return int(rows(dsn, f"select count(*) from {table}")[0][0])


OURS: Final = ("temple", "plain")
"""Ways into our log."""

WAYS: Final[Mapping[str, Way]] = {
    "temple": temple,
    "plain": plain,
    "library_recorder": library_recorder,
    "library_save": library_save,
    "library_functions": library_functions,
}

TITLES: Final[Mapping[str, str]] = {
    "temple": "temple: LogAppender",
    "plain": "plain INSERT",
    "library_recorder": "eventsourcing: insert_events",
    "library_save": "eventsourcing: Application.save",
    "library_functions": "eventsourcing: insert_events by database function, no lock",
}
