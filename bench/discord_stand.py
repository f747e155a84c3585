"""A Discord for benchmarks: a guild of one's size, in a process of its own."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any, Final

from bench.site import rows
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.sources.discord.listener import Listener
from temple_ledger.infrastructure.sources.discord.rest import Counted, pointed_at
from temple_ledger.infrastructure.sources.discord.snowflake import by_number
from tests.fakes.discord_guild import Dispatch, TrueGuild, TrueMember, role_object, user_object
from tests.fakes.fake_discord import FakeDiscord

ROLES: Final = 20
START: Final = datetime(2026, 3, 1, tzinfo=UTC)


def small_guild(members: int) -> TrueGuild:
    guild = TrueGuild(datetime.now(UTC) - timedelta(hours=1))
    guild.members[guild.bot] = TrueMember(guild.now, 0)
    for number in range(ROLES):
        guild.create_role(f"role {number}")
    for _ in range(members):
        guild.join(guild.draw())
    guild.audit.clear()
    return guild


def frames(guild: TrueGuild, number: int, *, changing: int) -> list[Dispatch]:
    """Profile noise, as most frames are; one in *changing* changes a role."""
    users = [user_id for user_id in guild.members if user_id != guild.bot]
    roles = list(guild.roles)
    found: list[Dispatch] = []
    for index in range(number):
        user_id = users[index % len(users)]
        if index % changing == 0:
            role = roles[index // changing % len(roles)]
            held = role in guild.members[user_id].roles
            change = {"remove": [role]} if held else {"add": [role]}
            found += guild.change_roles(user_id, **change, logged=False)
        else:
            found.append(guild.rename(user_id, f"nick {index}")[0])
    return found


def serve(members: int, number: int, changing: int, place: Any, begin: Any, end: Any) -> None:
    """Tells its addresses, and floods when it is told to."""
    guild = small_guild(members)
    with FakeDiscord(guild) as fake:
        place.put((fake.api_url, fake.gateway_url))
        begin.wait()
        guild.now = datetime.now(UTC)
        fake.flood(frames(guild, number, changing=changing))
        end.wait()


@contextmanager
def listening(dsn: str, api_url: str, gateway_url: str) -> Iterator[None]:
    """A `Listener` that has caught up, until the block is left."""
    ready = threading.Event()
    listener = Listener(
        Database(dsn), "a-token", guild=None, say=lambda _: None, settle_seconds=0.0, caught_up=lambda _: ready.set()
    )
    with pointed_at(api_url, gateway_url):
        thread = threading.Thread(target=listener.run)
        thread.start()
        try:
            assert ready.wait(60), "the listener did not catch up"
            yield
        finally:
            listener.stop()
            thread.join(60)


def reached(dsn: str, query: str, number: int, *, within_seconds: float) -> float:
    """When it was so, on the machine's clock."""
    deadline = time.monotonic() + within_seconds
    while (found := rows(dsn, query)[0][0]) < number:
        assert time.monotonic() < deadline, f"{found:,} of {number:,} after {within_seconds} s: {query}"
        time.sleep(0.05)
    return time.time()


class LargeGuildRest:
    """Members by number, made a page at a time; one in *drifting* holds another role than the ledger knows, or is new.

    The same as `observed_rows` puts into the database, but for the drift.
    """

    def __init__(self, members: int, *, drifting: int) -> None:
        self.members_ = members
        self.drifting = drifting
        self.seconds = 0.0
        self._roles = [str(200 + number) for number in range(ROLES)]

    async def counted(self, guild: str) -> Counted:
        return Counted(guild, self.members_)

    async def roles(self, guild: str) -> Sequence[Mapping[str, Any]]:
        return [role_object(role, f"role {role}") for role in self._roles]

    async def guilds(self) -> Sequence[str]:
        return ["1"]

    async def is_in(self, guild: str) -> bool:
        return guild == "1"

    async def audit_log(self, guild: str, after: str, limit: int) -> Sequence[Mapping[str, Any]]:
        return []

    async def members(self, guild: str, after: str, limit: int) -> Sequence[Mapping[str, Any]]:
        started = perf_counter()
        first = 1 if by_number(after) < by_number("1000000001") else int(after) - 1_000_000_000 + 1
        page = [self._member(number) for number in range(first, min(first + limit, self.members_ + 1))]
        self.seconds += perf_counter() - started
        return page

    def _member(self, number: int) -> Mapping[str, Any]:
        roles = [self._roles[number % ROLES], self._roles[(number + 7) % ROLES]]
        if number % self.drifting == 0:
            roles.append(self._roles[(number + 3) % ROLES])
        return {
            "user": user_object(str(1_000_000_000 + number)),
            "nick": None,
            "roles": roles,
            "joined_at": START.isoformat(),
            "pending": False,
            "flags": 0,
        }


OBSERVED: Final = f"""
insert into discord_member (user_id, present, joined_at, roles, last_event_at)
select
    (1000000000 + number)::text,
    true,
    '{START.isoformat()}',
    array[(200 + number %% {ROLES})::text, (200 + (number + 7) %% {ROLES})::text],
    '{START.isoformat()}'
from generate_series(1, %s) as number
"""
"""What was observed of such a guild before."""
