"""Live projecting: catching up through the runner, against the library's runner."""

from collections.abc import Mapping

from bench.apart import alone
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.history import half_of, history, loaded
from bench.library import project
from bench.rounds import take_turns
from bench.runner import catch_up, half_folded, require_caught_up, require_verified
from temple_ledger.projections.built_in import BUILT_IN

OURS = "temple: the runner, all built-in projections"
TWO = "temple: the runner, members and activity"
MORE = "temple: the runner, all of them, the second half over tables with the first"
PEER = "eventsourcing: ProjectionRunner, PostgresTrackingRecorder"


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    of = history(bench.site, sizes.events, sizes.members)
    template = loaded(bench.site, of)
    verified: set[str] = set()

    def ours(name: str, names: tuple[str, ...], begun: str, events: int) -> Mapping[str, float]:
        with bench.site.copy(begun) as dsn:
            done = alone(catch_up, dsn, names)
            require_caught_up(dsn, names)
            if name not in verified:
                require_verified(dsn, names)
                verified.add(name)
        return {name: events / done.seconds}

    half = half_of(bench.site, of)
    half_template = half_folded(bench.site, of, half)

    every = tuple(projection.name for projection in BUILT_IN)

    def peer() -> Mapping[str, float]:
        with bench.site.bare() as dsn:
            return {PEER: sizes.library_events / alone(project, dsn, of.path, sizes.library_events)}

    done = take_turns(
        {
            OURS: lambda: ours(OURS, every, template, of.events),
            TWO: lambda: ours(TWO, ("members", "activity"), template, of.events),
            MORE: lambda: ours(MORE, every, half_template, of.events - half.events),
            PEER: peer,
        },
        sizes.rounds,
        bench.say,
    )
    here, two, more, there = (done.series(name, "events/s") for name in (OURS, TWO, MORE, PEER))
    return Findings(
        bench="live",
        title="Live projecting",
        how=(
            f"Catching up from an empty checkpoint: {sizes.events:,} events of {sizes.members:,} members through "
            f"`Runner` and its second process, of all built-in projections ({', '.join(every)}), and of `members` and "
            "`activity` alone: a first step, which fills empty tables. And the second half of them where the first has "
            "been folded, in steps that find members and their rows. Against the library's own `ProjectionRunner` on "
            "its own Postgres application, with a `PostgresTrackingRecorder` that upserts and deletes the roles alone, "
            "each event in a transaction of "
            f"its own, as that library works. The library gets the first {sizes.library_events:,} of the events, "
            "because its rate does not depend on their number. Afterwards our rows are verified in full (once), "
            "and the library's compared with what they must be (each time)."
        ),
        series=(here, two, more, there),
        goals=(
            Goal("over_library", here.over(there, "live projecting, over the library's runner"), target=45, aim=60),
            Goal(
                "two_over_library",
                two.over(there, "members and activity alone, over the library's runner"),
                target=45,
                aim=60,
            ),
            Goal(
                "second_half_over_library",
                more.over(there, "the second half over tables with the first, over the library's runner"),
                target=45,
                aim=60,
            ),
        ),
        load=done.load,
    )
