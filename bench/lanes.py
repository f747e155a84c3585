"""A split projection: caught up by two runners with half of its lanes each, and what it costs a runner alone."""

import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from math import ceil
from typing import Final

from bench.apart import SPAWN, alone, apart, side_by_side
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.history import History, history, loaded
from bench.latency import append_steadily, observe
from bench.rounds import Contender, take_turns
from bench.runner import daemon, folded, position, require_caught_up, require_verified
from bench.site import rows
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.lanes import split
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.projections.members import members

WHOLE: Final = "one runner, members not split"
ALONE: Final = "one runner that leads all 16 lanes"
TWO: Final = "two runners that lead 8 lanes each"
SEEN_WHOLE: Final = "recorded to seen, p95, members not split"
SEEN_SPLIT: Final = "recorded to seen, p95, one runner leads all 16 lanes"
CAUGHT_UP_SECONDS: Final = 60
SETTLED_SECONDS: Final = 0.1


def catch_up_lanes(dsn: str, lanes: Sequence[int]) -> float:
    """Seconds for `members`, or for these lanes of it."""
    database = Database(dsn)
    with Wakeup(database) as wakeup:
        runner = Runner(database, [members], wakeup, catalogue=CATALOGUE, lease=Lease(lanes=lanes))
        started = time.perf_counter()
        runner.run(until_caught_up=True)
        return time.perf_counter() - started


def split_members(dsn: str) -> None:
    split(Database(dsn), members, by="bench", catalogue=CATALOGUE)


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    of = history(bench.site, sizes.events, sizes.members)
    template = loaded(bench.site, of)

    caught_up_template = folded(bench.site, of)
    rate = sizes.steady_rates[0]

    def caught_up(name: str, runners: Sequence[Sequence[int]], *, is_split: bool) -> Contender:
        def contender() -> Mapping[str, float]:
            with bench.site.copy(template) as dsn:
                if is_split:
                    split_members(dsn)
                seconds = max(side_by_side(catch_up_lanes, [(dsn, lanes) for lanes in runners]))
                require_caught_up(dsn, [members.name])
                require_verified(dsn, [members.name])
            return {name: of.events / seconds}

        return contender

    def seen(name: str, *, is_split: bool) -> Contender:
        def contender() -> Mapping[str, float]:
            with bench.site.copy(caught_up_template) as dsn:
                if is_split:
                    split_members(dsn)
                return {name: _p95_milliseconds(dsn, of, rate, sizes.steady_seconds)}

        return contender

    halves = [range(8), range(8, 16)]
    done = take_turns(
        {
            WHOLE: caught_up(WHOLE, [range(16)], is_split=False),
            ALONE: caught_up(ALONE, [range(16)], is_split=True),
            TWO: caught_up(TWO, halves, is_split=True),
            SEEN_WHOLE: seen(SEEN_WHOLE, is_split=False),
            SEEN_SPLIT: seen(SEEN_SPLIT, is_split=True),
        },
        sizes.rounds,
        bench.say,
    )
    whole, one, two = (done.series(name, "events/s") for name in (WHOLE, ALONE, TWO))
    seen_whole, seen_split = (done.series(name, "ms") for name in (SEEN_WHOLE, SEEN_SPLIT))
    return Findings(
        bench="lanes",
        title="Lanes",
        how=(
            f"Catching up `members` from an empty checkpoint, {sizes.events:,} events of {sizes.members:,} members: by "
            "one runner where it is not split, by one that leads all 16 lanes of it, and by two at once, in a process "
            "each, with 8 lanes each; the slower of the two counts. Server, runners and benchmark share the machine's "
            "cores. Afterwards everything is verified in full. Then a runner of all built-in projections as a daemon, "
            f"while another process appends {rate} events/s for {sizes.steady_seconds:g} s, as in the section on "
            "latency: from `recorded_at` to the moment an observer sees the checkpoint of `members` there."
        ),
        series=(whole, one, two, seen_whole, seen_split),
        goals=(
            Goal("two_over_one", two.over(whole, "two runners with 8 lanes each, over one"), target=1.6),
            Goal("alone_over_whole", one.over(whole, "one runner: split, over not split"), target=0.95),
            Goal(
                "seen_split_over_whole",
                seen_split.over(seen_whole, "one runner, p95 recorded to seen: split, over not split"),
                target=1.05,
                at_least=False,
            ),
        ),
        load=done.load,
    )


def _p95_milliseconds(dsn: str, of: History, rate: int, seconds: float) -> float:
    with ExitStack() as stack:
        runner = stack.enter_context(apart(daemon, dsn))
        _await_caught_up(dsn)
        ready, enough = SPAWN.Event(), SPAWN.Event()
        observer = stack.enter_context(apart(observe, dsn, ready, enough))
        ready.wait(CAUGHT_UP_SECONDS)
        done = alone(append_steadily, dsn, of.path, rate, seconds)
        _await_caught_up(dsn)
        time.sleep(SETTLED_SECONDS)
        enough.set()
        looks = observer.result()
        runner.ask_to_end()
    positions = [position for _, position in looks]
    recorded = rows(
        dsn,
        "select id, extract(epoch from recorded_at)::double precision from webhook_audit_log"
        " where id > %s and id <= %s",
        (done.after, done.upto),
    )
    waits: list[float] = sorted(looks[bisect_left(positions, each)][0] - when for each, when in recorded)
    return 1_000 * waits[ceil(0.95 * len(waits)) - 1]


def _await_caught_up(dsn: str) -> None:
    deadline = time.monotonic() + CAUGHT_UP_SECONDS
    while rows(dsn, "select max(id) from webhook_audit_log") != [(position(dsn),)]:
        assert time.monotonic() < deadline, "the runner does not catch up"
        time.sleep(0.05)
