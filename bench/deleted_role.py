"""A role with many holders is deleted: Discord says it in one frame, and each holder's loss is an event of the log."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from bench.apart import SPAWN, alone, apart, peak_mebibytes
from bench.bench import Bench
from bench.discord_stand import listening, reached, small_guild
from bench.findings import Findings, Goal
from bench.rounds import Contender, take_turns
from bench.site import rows
from tests.fakes.fake_discord import FakeDiscord

HOLDERS: Final = 100_000
MEMBERS: Final = 10
TARGET_SECONDS: Final = 8.0
MOST_SECONDS: Final = 120

ENDED: Final = "from the frame to the last holder's event"
MEMORY: Final = "memory of the listener"

OBSERVED: Final = """
insert into discord_member (user_id, present, joined_at, roles, last_event_at)
select (1000000000 + number)::text, true, '2026-03-01Z', array[%s], '2026-03-01Z'
from generate_series(1, %s) as number
"""
LOST: Final = "select count(*) from webhook_audit_log where event_type = 'discord_role_change' and action = 'removed'"
STORED: Final = "select extract(epoch from received_at)::float8 from inbox where kind = 'GUILD_ROLE_DELETE'"


def measure(bench: Bench) -> Findings:
    holders = HOLDERS if bench.sizes.full else HOLDERS // 10

    def contender() -> Mapping[str, float]:
        with bench.site.copy() as dsn:
            found = alone(delete, dsn, holders)
            assert rows(dsn, "select count(*) from discord_member where roles <> '{}'") == [(0,)]
            return found

    contenders: Mapping[str, Contender] = {"deleted_role": contender}
    done = take_turns(contenders, bench.sizes.rounds, bench.say)
    return Findings(
        bench="deleted_role",
        title="A role with many holders is deleted",
        how=(
            f"A role that {holders:,} observed members hold is deleted by a fake Discord in a process of its own: one "
            "frame and one entry of its audit log. `Listener`, with the real discord.py, stores them, and appends the "
            "end of the role for each holder, some at a time. From the frame's arrival until the last of these events "
            "is in the log."
        ),
        series=[done.series(ENDED, "s"), done.series(MEMORY, "MiB")],
        goals=[Goal("seconds", done.series(ENDED, "s"), target=TARGET_SECONDS, at_least=False)],
        load=done.load,
    )


def delete(dsn: str, holders: int) -> Mapping[str, float]:
    place, begin, end = SPAWN.Queue(), SPAWN.Event(), SPAWN.Event()
    with apart(serve_deletion, place, begin, end):
        api_url, gateway_url, role = place.get(timeout=60)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(OBSERVED, (role, holders))
            connection.execute("analyze discord_member")
        try:
            with listening(dsn, api_url, gateway_url):
                begin.set()
                ended = reached(dsn, LOST, holders, within_seconds=MOST_SECONDS)
        finally:
            end.set()
        return {ENDED: ended - rows(dsn, STORED)[0][0], MEMORY: peak_mebibytes()}


def serve_deletion(place: Any, begin: Any, end: Any) -> None:
    """Gives its addresses and the role, and deletes the role when asked."""
    guild = small_guild(MEMBERS)
    role = next(iter(guild.roles))
    with FakeDiscord(guild) as fake:
        place.put((fake.api_url, fake.gateway_url, role))
        begin.wait()
        guild.now = datetime.now(UTC)
        fake.dispatch(*guild.delete_role(role))
        end.wait()
