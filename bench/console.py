"""How long the console takes for each page, on a large ledger: server time, one request after another.

Run it by itself: `.venv/bin/python -m bench.console --members 250000 --events 1500000`.
"""

import argparse
import http.client
import io
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.demo import Community, generate
from temple_ledger.infrastructure.embedded_postgres.scratch import scratch_server
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=250_000)
    parser.add_argument("--events", type=int, default=1_500_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, scratch_server(Path(folder)) as server:
        database = Database(server.dsn())
        bring_up_to_date(database)
        _fill(database, Community(seed=1, members=asked.members, events=asked.events))
        with console_on(database, Path(folder)) as console:
            _measure(console.signed_in(), _pages(database))


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
        busy, role, typical = (
            str((connection.execute(query.encode()).fetchone() or ("",))[0]) for query in (BUSY, WANTED, TYPICAL)
        )
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
        "events": "/events",
        "events by member": f"/events?member={busy}",
        "events by role": f"/events?role={role}&kind=given",
        "events by kind and time": "/events?kind=left&from=2025-03-01&to=2025-03-02",
        "events by actor": f"/events?by={busy}&from=2025-12-01&to=2025-12-31",
        "event": "/events/1000000",
        "projections": "/projections",
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
