"""A moderator who stands in many events is erased beside appends, whose time must stay what it was."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any, Final
from uuid import uuid4

import psycopg

from bench.apart import SPAWN, alone, apart
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.rounds import Contender, take_turns
from bench.runner import catch_up, require_caught_up, require_verified
from bench.site import rows
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.instant import format_instant
from temple_ledger.domain.log_entry import LogEntry, entry_of
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.processes.personal_tables import personal_tables
from temple_ledger.infrastructure.read_models.erasure.erase import erase
from temple_ledger.projections.built_in import BUILT_IN

EVENTS: Final = 100_000
HOLDERS: Final = 15_000
ACTOR: Final = "1141786282152368982"
RATE: Final = 200
QUIET_SECONDS: Final = 10.0
MOST_TIMES: Final = 2.0

ERASED: Final = "the erasure"
LONGEST: Final = "its longest transaction"
BEFORE, BESIDE = "an append before it, 95th percentile", "an append beside it, 95th percentile"

NAMED: Final = """
insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
select
    gen_random_uuid(),
    timestamptz '2026-01-01Z' + number * interval '1 second',
    'discord_role_change',
    (2000000000000000000 + number %% %s)::text,
    'added',
    (number %% 20)::text,
    jsonb_build_object('granted_by', %s::text),
    'discord'
from generate_series(1, %s) as number
"""


def measure(bench: Bench) -> Findings:
    events = EVENTS if bench.sizes.full else EVENTS // 20

    def contender() -> Mapping[str, float]:
        with bench.site.copy() as dsn:
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(NAMED, (max(1, events * HOLDERS // EVENTS), ACTOR, events))
                connection.execute("vacuum (analyze) webhook_audit_log")
            names = tuple(each.name for each in BUILT_IN)
            alone(catch_up, dsn, names)
            require_caught_up(dsn, names)
            seal(dsn)
            found = erase_beside_appends(dsn)
            alone(catch_up, dsn, names)
            require_verified(dsn, names)
            left = rows(dsn, f"select count(*) from webhook_audit_log where metadata ->> 'granted_by' = '{ACTOR}'")
            assert left == [(0,)]
            return found

    contenders: Mapping[str, Contender] = {"erasing": contender}
    done = take_turns(contenders, bench.sizes.rounds, bench.say)
    before, beside = done.series(BEFORE, "ms"), done.series(BESIDE, "ms")
    return Findings(
        bench="erasing",
        title="A person is erased beside appends",
        how=(
            f"A moderator stands as the actor in {events:,} events of others, which are folded and sealed. They are "
            f"erased in a process of its own, while another one appends {RATE} events a second, one at a time; before, "
            f"it appends for {QUIET_SECONDS:g} s with nobody beside it. Afterwards everything is verified in full."
        ),
        series=[done.series(ERASED, "s"), done.series(LONGEST, "s"), before, beside],
        goals=[
            Goal("p95_over", beside.over(before, "an append's time, beside over before"), MOST_TIMES, at_least=False)
        ],
        load=done.load,
    )


def seal(dsn: str) -> None:
    with Database(dsn).connect(DatabaseRole.SEAL) as connection:
        while connection.execute("select from seal_range(9223372036854775807)").rowcount:
            pass


def erase_beside_appends(dsn: str) -> Mapping[str, float]:
    times, ended = SPAWN.Queue(), SPAWN.Event()
    with apart(append_steadily, dsn, times, ended):
        before = times.get(timeout=60)
        started = time.perf_counter()
        longest = alone(erase_actor, dsn)
        seconds = time.perf_counter() - started
        ended.set()
        beside = times.get(timeout=60)
    return {ERASED: seconds, LONGEST: longest, BEFORE: before, BESIDE: beside}


def erase_actor(dsn: str) -> float:
    """How long its longest transaction took."""
    done = erase(Database(dsn), [ACTOR], BUILT_IN, CATALOGUE, personal_tables(), by="bench", reason="asked us to")
    return done.longest_seconds


def append_steadily(dsn: str, times: Any, ended: Any) -> None:
    """Puts two figures: the 95th percentile of the quiet time, and of the time until *ended*, in milliseconds."""
    with LogAppender(Database(dsn)) as appender:
        quiet = time.perf_counter() + QUIET_SECONDS
        times.put(_p95(appender, lambda: time.perf_counter() >= quiet))
        times.put(_p95(appender, ended.is_set))


def _p95(appender: LogAppender, done: Callable[[], bool]) -> float:
    took: list[float] = []
    due = time.perf_counter()
    while not done():
        due += 1 / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        started = time.perf_counter()
        appender.append(_entry())
        took.append(time.perf_counter() - started)
    return quantiles(took, n=20)[-1] * 1_000


def _entry() -> LogEntry:
    columns = {
        "event_id": str(uuid4()),
        "timestamp": format_instant(datetime.now(UTC)),
        "event_type": "discord_join",
        "user_id": "3000000000000000001",
        "action": "joined",
        "source": "discord",
    }
    return entry_of(columns, CATALOGUE)
