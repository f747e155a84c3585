"""What readers and the live projection notice of a rebuild that changes one member in a hundred."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from math import ceil
from multiprocessing.synchronize import Event
from typing import Final

from bench.apart import SPAWN, alone, apart
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.history import history, loaded
from bench.latency import append_steadily
from bench.replaying import fold_newer, replay
from bench.rounds import Contender, take_turns
from bench.runner import daemon
from bench.site import rows, tidy
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole

RATE: Final = 50
"""Appends a second, and a read every PAUSE_SECONDS: neither may be what keeps the machine busy."""
PAUSE_SECONDS: Final = 0.002
LAG_EVERY_SECONDS: Final = 0.05
CALM_SECONDS: Final = 1.0
DRIFT: Final = (
    "update temple_member_status set patreon_tier = 'drifted', last_sync = now() "
    "where mod(abs(hashtext(user_id)), 100) = 0"
)

WHILE_REBUILDING: Final = "reads during a rebuild, p99"
WHILE_BUSY: Final = "reads beside as many busy processes, p99"
MOST_WHILE_REBUILDING: Final = "reads during a rebuild, the longest"
MOST_WHILE_BUSY: Final = "reads beside as many busy processes, the longest"
LAG: Final = "lag of the live projection during a rebuild, at most"
WAITS: Final = "reads found waiting for a lock"


def read_steadily(dsn: str, ready: Event, enough: Event) -> list[float]:
    """Milliseconds that each read of a member, by its key, took."""
    took: list[float] = []
    with Database(dsn).connect(DatabaseRole.READ, application="bench reader") as connection:
        members = [row[0] for row in connection.execute("select user_id from temple_member_status limit 5000")]
        number = 0
        while not enough.is_set():
            number = (number + 7919) % len(members)
            started = time.perf_counter()
            connection.execute(
                "select role, granted_at from discord_user_current_roles where user_id = %s",
                (members[number],),
                prepare=True,
            ).fetchall()
            connection.execute(
                "select status, patreon_tier from temple_member_status where user_id = %s",
                (members[number],),
                prepare=True,
            ).fetchall()
            took.append(1_000 * (time.perf_counter() - started))
            ready.set()
            time.sleep(PAUSE_SECONDS)
    return took


def watch_lag(dsn: str, ready: Event, enough: Event) -> tuple[float, int]:
    """The longest time that an event waited to be folded, and how often a reader was seen waiting for a lock."""
    most, waits = 0.0, 0
    with Database(dsn).connect(DatabaseRole.LOGIN, application="bench watcher") as connection:
        while not enough.is_set():
            row = connection.execute(
                "select coalesce(extract(epoch from clock_timestamp() - (select recorded_at from webhook_audit_log "
                "where id > position order by id limit 1)), 0)::float8, (select count(*) from pg_stat_activity "
                "where application_name = 'bench reader' and wait_event_type = 'Lock') "
                "from projection_checkpoint where projection = 'members'",
                prepare=True,
            ).fetchone()
            assert row is not None
            most, waits = max(most, row[0]), waits + row[1]
            ready.set()
            time.sleep(LAG_EVERY_SECONDS)
    return most, waits


def be_busy(seconds: float) -> None:
    """A process that computes and asks nobody anything: what a rebuild costs by being there at all."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        sum(range(1_000))


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    length = sizes.rebuilt_lengths[0]
    of = history(bench.site, length, sizes.rebuilt_members)

    def fill(dsn: str) -> None:
        bench.say("  folding")
        alone(replay, dsn, 1)
        alone(fold_newer, dsn)
        tidy(dsn)

    name = f"bench_replayed_{length}_{sizes.rebuilt_members}"
    template = bench.site.template(name, loaded(bench.site, of), fill)
    took = {"seconds": 0.0}

    def beside(work: Callable[[str, ExitStack], None], p99: str, longest: str, *, lag: bool) -> Mapping[str, float]:
        with ExitStack() as stack:
            dsn = stack.enter_context(bench.site.copy(template))
            rows_drifted(dsn)
            stack.enter_context(apart(daemon, dsn))
            enough = SPAWN.Event()
            began = [SPAWN.Event(), SPAWN.Event()]
            reader = stack.enter_context(apart(read_steadily, dsn, began[0], enough))
            watcher = stack.enter_context(apart(watch_lag, dsn, began[1], enough))
            stack.enter_context(apart(append_steadily, dsn, of.path, RATE, 600.0))
            for event in began:
                assert event.wait(60)
            time.sleep(CALM_SECONDS)
            work(dsn, stack)
            enough.set()
            reads, (most_lag, waits) = sorted(reader.result()), watcher.result()
        figures = {p99: reads[ceil(len(reads) * 0.99) - 1], longest: reads[-1]}
        return figures | ({LAG: most_lag, WAITS: float(waits)} if lag else {})

    def rebuilding() -> Mapping[str, float]:
        def work(dsn: str, _: ExitStack) -> None:
            replayed = alone(replay, dsn, 1)
            assert replayed.changed_members >= sizes.rebuilt_members / 200
            took["seconds"] = replayed.seconds

        return beside(work, WHILE_REBUILDING, MOST_WHILE_REBUILDING, lag=True)

    def busy() -> Mapping[str, float]:
        def work(_: str, stack: ExitStack) -> None:
            # one for the replay, one for the server's process that works for it
            seconds = took["seconds"] or 10.0
            for process in [stack.enter_context(apart(be_busy, seconds)) for _ in range(2)]:
                process.result()

        return beside(work, WHILE_BUSY, MOST_WHILE_BUSY, lag=False)

    contenders: dict[str, Contender] = {"rebuilding": rebuilding, "busy": busy}
    done = take_turns(contenders, sizes.rounds, bench.say)
    during, beside_busy = done.series(WHILE_REBUILDING, "ms"), done.series(WHILE_BUSY, "ms")
    lag, waits = done.series(LAG, "s"), done.series(WAITS, "reads")
    return Findings(
        bench="readers",
        title="Readers and the live projection during a rebuild",
        how=(
            f"{length:,} events of {sizes.rebuilt_members:,} members, folded; one member in a hundred has a wrong "
            f"tier. A runner as a daemon, {RATE} appends a second, and a reader who asks for one member every "
            f"{1_000 * PAUSE_SECONDS:g} ms, while a replay with one worker runs from beginning to end and puts the "
            "hundredth right; against the same beside two processes that only compute, for as long. The lag is asked "
            f"for, and readers looked at for locks they wait for, every {1_000 * LAG_EVERY_SECONDS:g} ms."
        ),
        series=(
            during,
            done.series(MOST_WHILE_REBUILDING, "ms"),
            beside_busy,
            done.series(MOST_WHILE_BUSY, "ms"),
            lag,
            waits,
        ),
        goals=(
            Goal(
                "p99_over_busy",
                during.over(beside_busy, "readers' p99 during a rebuild, over beside busy processes"),
                1.5,
                at_least=False,
            ),
            Goal("waits", waits, target=0, at_least=False),
            Goal("lag", lag, target=5, at_least=False),
        ),
        load=done.load,
    )


def rows_drifted(dsn: str) -> None:
    rows(dsn, f"with drifted as ({DRIFT} returning 1) select count(*) from drifted")
