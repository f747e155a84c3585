"""What a longer log costs: memory and time of a replay, and a quick verify."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from bench.apart import alone
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.history import history, loaded
from bench.replaying import fold_newer, replay, verify_in_full, verify_touched
from bench.rounds import Contender, take_turns
from bench.site import rows
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.log.append import LogAppender

MOST_GROWTH: Final = 1.2
MOST_MEBIBYTES: Final = 300
MOST_SECONDS: Final = 1


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    shortest, longest = sizes.rebuilt_lengths[0], sizes.rebuilt_lengths[-1]

    def contender(events: int) -> Contender:
        def work() -> Mapping[str, float]:
            of = history(bench.site, events, sizes.rebuilt_members)
            with bench.site.copy(loaded(bench.site, of)) as dsn:
                replayed = alone(replay, dsn, 1)
                verified = alone(verify_in_full, dsn)
                _touch(dsn, sizes.touched)
                alone(fold_newer, dsn)
                touched = alone(verify_touched, dsn)
                assert touched.members == sizes.touched
            return {
                _name("replay", events): replayed.peak_mebibytes,
                _name("full verify", events): verified.peak_mebibytes,
                _name("replay, an event", events): 1e6 * replayed.seconds / events,
                _name("quick verify", events): touched.seconds,
            }

        return work

    done = take_turns(
        {f"{events:,} events": contender(events) for events in sizes.rebuilt_lengths}, sizes.rounds, bench.say
    )

    def goal(what: str, unit: str) -> Goal:
        short, long = (done.series(_name(what, events), unit) for events in (shortest, longest))
        name = f"{what}, {longest:,} events over {shortest:,}"
        return Goal(
            f"growth_{what.replace(', ', '_').replace(' ', '_')}",
            long.over(short, name),
            target=MOST_GROWTH,
            at_least=False,
        )

    units = {"replay": "MiB", "full verify": "MiB", "replay, an event": "µs", "quick verify": "s"}
    series = [
        done.series(_name(what, events), unit) for what, unit in units.items() for events in sizes.rebuilt_lengths
    ]
    return Findings(
        bench="rebuild_growth",
        title="Rebuild and verify by the length of the log",
        how=(
            "Peak resident set of a process that replays with one worker, and of one that verifies in full, and the "
            f"time of the replay for each event, with the same {sizes.rebuilt_members:,} members. Then "
            f"{sizes.touched:,} members get an event each, the runner folds them, and a verify since the last one "
            "compares just those."
        ),
        series=series,
        goals=(
            goal("replay", "MiB"),
            goal("full verify", "MiB"),
            Goal("replay_memory", done.series(_name("replay", longest), "MiB"), target=MOST_MEBIBYTES, at_least=False),
            goal("replay, an event", "µs"),
            Goal("quick_verify", done.series(_name("quick verify", longest), "s"), target=MOST_SECONDS, at_least=False),
        ),
        load=done.load,
    )


def _touch(dsn: str, number: int) -> None:
    """An event of now for each of so many members."""
    user_ids = [
        user_id
        for (user_id,) in rows(
            dsn, "select user_id from temple_member_status order by md5(user_id) limit %s", (number,)
        )
    ]
    now = datetime.now(UTC)
    with LogAppender(Database(dsn)) as appender:
        appender.append_many(
            [LogEntry(uuid4(), now, "discord_join", user_id, "joined", None, None, "discord") for user_id in user_ids]
        )


def _name(what: str, events: int) -> str:
    return f"{what}, {events:,} events"
