"""A snapshot of a large guild, beside what was observed: how long it takes, and what it holds in memory."""

import asyncio
from collections.abc import Mapping
from time import perf_counter
from typing import Final

import psycopg

from bench.apart import alone, peak_mebibytes
from bench.bench import Bench
from bench.discord_stand import OBSERVED, LargeGuildRest
from bench.findings import Findings, Goal
from bench.rounds import Contender, take_turns
from bench.site import rows
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.sources.discord.snapshot import apply_discord_snapshot, take_snapshot

MEMBERS: Final = 250_000
DRIFTING: Final = 100
TARGET_SECONDS: Final = 60.0
MOST_GROWTH: Final = 1.2


def measure(bench: Bench) -> Findings:
    large = MEMBERS if bench.sizes.full else MEMBERS // 10
    small = large // 10

    def contender(members: int) -> Contender:
        def take() -> Mapping[str, float]:
            with bench.site.copy() as dsn:
                with psycopg.connect(dsn, autocommit=True) as connection:
                    connection.execute("insert into ledger_guild (guild_id, since) values ('1', now())")
                    connection.execute(OBSERVED.encode(), (members,))
                    connection.execute("analyze discord_member")
                seconds, peak = alone(reconcile, dsn, members)
                appended = rows(dsn, "select count(*) from webhook_audit_log where event_type = 'discord_role_change'")
                assert appended == [(members // DRIFTING,)], appended
                return {_seconds(members): seconds, _peak(members): peak}

        return take

    done = take_turns(
        {f"{members:,} members": contender(members) for members in (small, large)}, bench.sizes.rounds, bench.say
    )
    seconds = done.series(_seconds(large), "s")
    growth = done.series(_peak(large), "MiB").over(
        done.series(_peak(small), "MiB"), f"memory, {large:,} members over {small:,}"
    )
    return Findings(
        bench="snapshot",
        title="A snapshot of a large guild",
        how=(
            f"`take_snapshot` and `apply_discord_snapshot`: every member compared with what was observed, one in "
            f"{DRIFTING} holds a role that the ledger does not know. The pages come from the process itself; making "
            "them is not counted. Peak resident set of the process, which does nothing else."
        ),
        series=[
            *(done.series(_seconds(members), "s") for members in (small, large)),
            *(done.series(_peak(members), "MiB") for members in (small, large)),
        ],
        goals=[
            Goal("seconds", seconds, target=TARGET_SECONDS, at_least=False),
            Goal("memory_growth", growth, target=MOST_GROWTH, at_least=False),
        ],
        load=done.load,
    )


def reconcile(dsn: str, members: int) -> tuple[float, float]:
    """Seconds without the pages' own, and the most memory in MiB."""
    database, rest = Database(dsn), LargeGuildRest(members, drifting=DRIFTING)
    started = perf_counter()
    snapshot_id = asyncio.run(take_snapshot(database, rest, "1"))
    applied = apply_discord_snapshot(database, snapshot_id, by="bench", confirmed=True)
    assert not applied.conflicts
    return perf_counter() - started - rest.seconds, peak_mebibytes()


def _seconds(members: int) -> str:
    return f"taken and applied, {members:,} members"


def _peak(members: int) -> str:
    return f"memory, {members:,} members"
