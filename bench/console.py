"""How long the console takes for each page, on a large ledger: server time, one request after another.

Run it by itself: `.venv/bin/python -m bench.console --members 250000 --events 1500000`. With `--at DIR` the ledger
stays there, and the next run measures it at once.
"""

import argparse
import http.client
import io
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.demo import Community, generate
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.log.import_lines import import_lines
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.registry import catalogue
from tests.web.browsing import BUSY, WANTED
from tests.web.conftest import Visitor, console_on

ROUNDS: Final = 20
"""Of each page, after a first visit."""
TYPICAL: Final = """
    select user_id from temple_member_status where user_id > '5' and total_roles_count > 2 order by user_id limit 1
"""

LARGEST: Final = "select role from discord_user_current_roles group by role order by count(*) desc, role limit 1"
ACTORS: Final = """
    select actor from (
        select metadata ->> 'granted_by' as actor, count(*) as granted from webhook_audit_log
        where event_type = 'discord_role_change' group by 1
    ) as found
    where actor is not null order by granted desc
"""
"""The bot of Patreon does most; then come other bots and moderators."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=250_000)
    parser.add_argument("--events", type=int, default=1_500_000)
    parser.add_argument("--at", type=Path)
    parser.add_argument("--only", default="", help="pages whose names have this in them")
    parser.add_argument("--fill", action="store_true", help="make the ledger, and measure nothing")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _server(asked.at or Path(folder)) as server:
        database = Database(server.dsn())
        bring_up_to_date(database)
        if not _is_filled(database):
            _fill(database, Community(seed=1, members=asked.members, events=asked.events))
        if not asked.fill:
            with console_on(database, Path(folder), allow_actions=True) as console:
                pages = {name: path for name, path in _pages(database).items() if asked.only in name}
                _measure(console.signed_in(), pages)


@contextmanager
def _server(place: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(place, durable=False)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _is_filled(database: Database) -> bool:
    with database.connect(DatabaseRole.READ) as connection:
        return connection.execute("select exists (select from webhook_audit_log)").fetchone() == (True,)


def _fill(database: Database, community: Community) -> None:
    started = time.monotonic()
    lines = io.BytesIO("\n".join(generate(community)).encode())
    import_lines(database, lines, catalogue=catalogue(), name="bench")
    LedgerScenario(database, batch=20_000).catch_up()
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("vacuum analyze")
    print(f"{community.members:,} members, {community.events:,} lines, made in {time.monotonic() - started:.0f} s")


def _pages(database: Database) -> dict[str, str]:
    with database.connect(DatabaseRole.READ) as connection:
        busy, role, typical, largest = (
            str((connection.execute(query.encode()).fetchone() or ("",))[0])
            for query in (BUSY, WANTED, TYPICAL, LARGEST)
        )
        bot, *_, moderator = (str(actor) for (actor,) in connection.execute(ACTORS.encode()).fetchmany(4))
    return {
        "overview": "/",
        "members": "/members",
        "members by status": "/members?status=inactive",
        "members by role": f"/members?role={role}",
        "member, typical": f"/members/{typical}",
        "member, busy": f"/members/{busy}",
        "member as of": f"/members/{typical}?as_of=2025-06-01",
        "roles": "/roles",
        "role": f"/roles/{role}",
        "role as of": f"/roles/{role}?as_of=2025-06-01",
        "role difference": f"/roles/{role}/diff?from=2025-11-01&to=2025-11-08",
        "largest role": f"/roles/{largest}",
        "largest role as of": f"/roles/{largest}?as_of=2025-06-01",
        "largest role, a quarter": f"/roles/{largest}/diff?from=2025-09-01&to=2025-12-01",
        "events": "/events",
        "events by member": f"/events?member={busy}",
        "events by role": f"/events?role={role}&kind=given",
        "events by kind and time": "/events?kind=left&from=2025-03-01&to=2025-03-02",
        "events by bot, a week": f"/events?by={bot}&to=2025-12-28",
        "events by moderator, week": f"/events?by={moderator}&to=2025-12-28",
        "events by moderator, month": f"/events?by={moderator}&from=2025-12-01&to=2025-12-31",
        "what nobody did": f"/events?by={busy}&from=2025-12-01&to=2025-12-31",
        "event": "/events/1000000",
        "projections": "/projections",
        "projection": "/projections/members",
        "action: pause": "/actions/pause?projection=members",
        "action: replay": "/actions/replay-preview?projection=members",
        "request: an erasure": f"/actions/ask-owner?what=erase&member={busy}",
        "request: the trigger": "/actions/ask-owner?what=trigger-enable",
        "verify": "/verify",
        "patreon": "/patreon",
        "inbox": "/inbox",
        "journal": "/operations",
        "administration": "/admin",
    }


def _measure(visitor: Visitor, pages: dict[str, str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", visitor.port, timeout=60)
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    for name, path in pages.items():
        visits = [_visit(connection, path, cookies) for _ in range(ROUNDS + 1)]
        first, rest = visits[0][2], sorted(taken for _, _, taken in visits[1:])
        status, size, _ = visits[-1]
        print(
            f"{name:<26} {status}  first {first:7.1f} ms  median {statistics.median(rest):7.1f} ms  "
            f"p95 {rest[int(0.95 * len(rest)) - 1]:7.1f} ms  {size / 1000:5.1f} kB"
        )


def _visit(connection: http.client.HTTPConnection, path: str, cookies: str) -> tuple[int, int, float]:
    """Status, bytes of the compressed body, milliseconds."""
    started = time.perf_counter()
    connection.request("GET", path, headers={"Cookie": cookies, "Accept-Encoding": "gzip"})
    response = connection.getresponse()
    size = len(response.read())
    return response.status, size, 1_000 * (time.perf_counter() - started)


if __name__ == "__main__":
    main()
