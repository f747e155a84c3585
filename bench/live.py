"""Live projecting: catching up through the runner, against the library's runner."""

from collections.abc import Mapping

from bench.apart import alone
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.history import history, loaded
from bench.library import project
from bench.rounds import take_turns
from bench.runner import catch_up, require_caught_up, require_verified

OURS = "temple: the runner, members and activity"
PEER = "eventsourcing: ProjectionRunner, PostgresTrackingRecorder"


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    of = history(bench.site, sizes.events, sizes.members)
    template = loaded(bench.site, of)
    verified = False

    def ours() -> Mapping[str, float]:
        nonlocal verified
        with bench.site.copy(template) as dsn:
            done = alone(catch_up, dsn)
            require_caught_up(dsn)
            if not verified:
                require_verified(dsn)
                verified = True
        return {OURS: of.events / done.seconds}

    def peer() -> Mapping[str, float]:
        with bench.site.bare() as dsn:
            return {PEER: sizes.library_events / alone(project, dsn, of.path, sizes.library_events)}

    done = take_turns({OURS: ours, PEER: peer}, sizes.rounds, bench.say)
    here, there = done.series(OURS, "events/s"), done.series(PEER, "events/s")
    return Findings(
        bench="live",
        title="Live projecting",
        how=(
            f"Catching up from an empty checkpoint: {sizes.events:,} events of {sizes.members:,} members through "
            "`Runner`, both of the canon's tables, their frontiers and the tally `activity`, against the library's own "
            "`ProjectionRunner` on its own Postgres application, with a `PostgresTrackingRecorder` that upserts and "
            "deletes the roles alone, each event in a transaction of its own, as that library works. The library gets "
            f"the first {sizes.library_events:,} of the events, because its rate does not depend on their number. "
            "Afterwards our rows are verified in full (once), and the library's compared with what they must be "
            "(each time)."
        ),
        series=(here, there),
        goals=(Goal(here.over(there, "live projecting, over the library's runner"), target=20, aim=50),),
        load=done.load,
    )
