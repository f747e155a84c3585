"""What the runner and the import hold in memory, by the length of the log."""

from collections.abc import Mapping

from bench.apart import alone
from bench.bench import Bench
from bench.findings import Findings, Goal, Series
from bench.history import history, import_file
from bench.rounds import Contender, take_turns
from bench.runner import catch_up, require_caught_up

MOST_GROWTH = 1.2


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    shortest, longest = sizes.lengths[0], sizes.lengths[-1]
    cases = [*((events, sizes.members) for events in sizes.lengths), (longest, sizes.largest_members)]

    def contender(events: int, members: int) -> Contender:
        def hold() -> Mapping[str, float]:
            of = history(bench.site, events, members)
            with bench.site.copy() as dsn:
                importing = alone(import_file, dsn, of.path)
                folding = alone(catch_up, dsn)
                require_caught_up(dsn)
            return {
                _name("import", events, members): importing.peak_mebibytes,
                _name("runner", events, members): folding.peak_mebibytes,
            }

        return hold

    done = take_turns(
        {f"{events:,} events of {members:,} members": contender(events, members) for events, members in cases},
        sizes.rounds,
        bench.say,
    )

    def peak(what: str, events: int, members: int) -> Series:
        return done.series(_name(what, events, members), "MiB")

    return Findings(
        bench="memory",
        title="Memory by the length of the log",
        how=(
            "Peak resident set of a process that imports the file, and of one that then catches up through `Runner`, "
            f"with that of its second process, each started for that alone. The members are the same "
            f"{sizes.members:,} at every length; the last case has {sizes.largest_members:,}, because the runner "
            "remembers members between batches, in 64 MiB a projection at most: that part grows with them, not with "
            f"the log. Flat means that the longest log takes at most {MOST_GROWTH:g} times what the shortest takes."
        ),
        series=[peak(what, events, members) for what in ("runner", "import") for events, members in cases],
        goals=[
            Goal(
                f"growth_{what.split()[0]}",
                peak(what, longest, sizes.members).over(
                    peak(what, shortest, sizes.members),
                    f"memory of the {what}, {longest:,} events over {shortest:,}",
                ),
                target=MOST_GROWTH,
                at_least=False,
            )
            for what in ("runner", "import")
        ],
        load=done.load,
    )


def _name(what: str, events: int, members: int) -> str:
    return f"{what}: {events:,} events of {members:,} members"
