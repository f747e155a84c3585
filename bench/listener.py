"""Listening: frames a second, in order, through the real discord.py and into the inbox, while they are translated."""

from collections.abc import Mapping
from typing import Final

from bench.apart import SPAWN, alone, apart
from bench.bench import Bench
from bench.discord_stand import listening, reached, serve
from bench.findings import Findings, Goal
from bench.rounds import Contender, take_turns
from bench.site import rows

MEMBERS: Final = 2_000
CHANGING: Final = 10
FRAMES: Final = 10_000
MOST_SECONDS: Final = 300
TARGET: Final = 5_000
TRANSLATED_TARGET: Final = 6_000

KEPT: Final = "kept, in order, committed"
TRANSLATED: Final = "kept and translated"


def measure(bench: Bench) -> Findings:
    number = FRAMES if bench.sizes.full else FRAMES // 4

    def contender() -> Mapping[str, float]:
        with bench.site.copy() as dsn:
            found = alone(listen, dsn, number)
            numbers = [row[0] for row in rows(dsn, "select (details ->> 's')::int from inbox order by id")]
            assert numbers == sorted(numbers)
            assert len(numbers) == number + 2
            return found

    contenders: Mapping[str, Contender] = {"listener": contender}
    done = take_turns(contenders, bench.sizes.rounds, bench.say)
    return Findings(
        bench="listener",
        title="Listening to the gateway",
        how=(
            f"A fake Discord in a process of its own sends {number:,} frames of {MEMBERS:,} members as fast as the "
            f"connection takes them, one in {CHANGING} with a change of roles. `Listener`, with the real discord.py, "
            "keeps them in the inbox, fsync on, and translates them at the same time, in the same process. Kept: from "
            "the first frame until the last one is committed. Translated: until the last one has become events."
        ),
        series=[done.series(KEPT, "frames/s"), done.series(TRANSLATED, "frames/s")],
        goals=[
            Goal("kept", done.series(KEPT, "frames/s"), target=TARGET),
            Goal("translated", done.series(TRANSLATED, "frames/s"), target=TRANSLATED_TARGET),
        ],
        load=done.load,
    )


def listen(dsn: str, number: int) -> Mapping[str, float]:
    place, begin, end = SPAWN.Queue(), SPAWN.Event(), SPAWN.Event()
    with apart(serve, MEMBERS, number, CHANGING, place, begin, end):
        try:
            with listening(dsn, *place.get(timeout=60)):
                begin.set()
                stored = "select count(*) from inbox where kind = 'GUILD_MEMBER_UPDATE'"
                kept = reached(dsn, stored, number, within_seconds=MOST_SECONDS)
                waiting = "select count(*) from inbox where kind = 'GUILD_MEMBER_UPDATE' and state <> 'waiting'"
                translated = reached(dsn, waiting, number, within_seconds=MOST_SECONDS)
        finally:
            end.set()
        first = rows(dsn, "select extract(epoch from min(received_at))::float8 from inbox where kind like '%%UPDATE'")
        return {KEPT: number / (kept - first[0][0]), TRANSLATED: number / (translated - first[0][0])}
