"""How long the console takes for each page of a large ledger, and what open pages cost.

Server time, one request after another, as a browser waits for it. One event is not folded, so that pages have to say
so, and the rows of some members are not what the log says, so that previews have something to show.
"""

import http.client
import io
import re
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.bench import Bench
from bench.console_idle import open_pages
from bench.findings import Findings, Goal, Series
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.demo import Community, generate
from temple_ledger.infrastructure.log.import_lines import import_lines
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.registry import catalogue
from temple_ledger.projections.testing.histories import at, joined
from tests.web.browsing import BUSY, WANTED
from tests.web.conftest import Visitor, console_on

VISITS: Final = 20
"""Of each page, after a first visit."""
MOST_MILLISECONDS: Final = 100
MOST_SECONDS: Final = 3
MOST_OF_A_CORE: Final = 5
MOST_MEGABYTES: Final = 150
TYPICAL: Final = """
    select user_id from temple_member_status where user_id > '5' and total_roles_count > 2 order by user_id limit 1
"""

LARGEST: Final = "select role from discord_user_current_roles group by role order by count(*) desc, role limit 1"
MIDDLE: Final = """
    select min(id) from webhook_audit_log where id >= (select max(id) / 2 from webhook_audit_log)
"""
ACTORS: Final = """
    select actor from (
        select metadata ->> 'granted_by' as actor, count(*) as granted from webhook_audit_log
        where event_type = 'discord_role_change' group by 1
    ) as found
    where actor is not null order by granted desc
"""
"""The bot of Patreon does most; then come other bots and moderators."""
DRIFT: Final = """
    update temple_member_status set patreon_tier = 'Tin' where user_id in (
        select user_id from temple_member_status where patreon_tier is not null order by user_id limit 1000
    )
"""


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    with bench.site.copy() as dsn, tempfile.TemporaryDirectory() as home:
        database = Database(dsn)
        bench.say("making the ledger")
        fill(database, Community(seed=1, members=sizes.console_members, events=sizes.console_events))
        visits = visit_all(database, Path(home))
    with bench.site.copy() as dsn, tempfile.TemporaryDirectory() as home:
        bench.say(f"{sizes.console_pages} open pages")
        opened = open_pages(Database(dsn), Path(home), sizes.console_pages, sizes.idle_seconds)
    slowest = max(visits, key=lambda name: _p95(visits[name]))
    return Findings(
        bench="console",
        title="The console",
        how=(
            f"{sizes.console_members:,} members, {sizes.console_events:,} events, one of which is not folded; 1,000 "
            f"members differ from the log. Each page {VISITS} times after a first visit, one request after another, "
            f"as a browser waits for it. Then {sizes.console_pages} open pages of a console on a small ledger."
        ),
        series=[*(Series(name, "ms", tuple(taken)) for name, taken in visits.items()), *opened.values()],
        goals=[
            Goal(
                "slowest_p95",
                Series(f"p95 of the slowest page: {slowest}", "ms", (_p95(visits[slowest]),)),
                target=MOST_MILLISECONDS,
                at_least=False,
            ),
            Goal("event_shown", opened["event"], target=MOST_SECONDS, at_least=False),
            Goal("idle", opened["idle"], target=MOST_OF_A_CORE, at_least=False),
            Goal("memory", opened["memory"], target=MOST_MEGABYTES, at_least=False),
        ],
        notes=["p95: " + ", ".join(f"{name} {_p95(taken):.0f} ms" for name, taken in visits.items()) + "."],
        rounds=VISITS,
    )


def fill(database: Database, community: Community) -> None:
    lines = io.BytesIO("\n".join(generate(community)).encode())
    import_lines(database, lines, catalogue=catalogue(), name="bench")
    ledger = LedgerScenario(database, batch=5_000)
    ledger.catch_up()
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute(DRIFT)
    ledger.given(joined("600000000000000000", at(0)))
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("vacuum analyze")


def visit_all(database: Database, home: Path, only: str = "") -> Mapping[str, list[float]]:
    """Milliseconds of each visit, by page."""
    with console_on(database, home, allow_actions=True) as console:
        visitor = console.signed_in()
        pages = {**pages_of(database), **_previews(visitor)}
        connection = http.client.HTTPConnection("127.0.0.1", visitor.port, timeout=60)
        cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        return {
            name: [_visit(connection, path, cookies) for _ in range(VISITS + 1)][1:]
            for name, path in pages.items()
            if only in name
        }


def _previews(visitor: Visitor) -> dict[str, str]:
    """The pages of a repair and of a replay, once what they would change is known."""
    found = {}
    for name in ("repair", "replay"):
        token = re.search(r'name="token" value="(\w+)"', visitor.get("/").text)
        fields = {"token": "" if token is None else token[1], "projection": "members"}
        place = visitor.post(f"/actions/{name}-preview", fields).headers["location"]
        while "refresh" in visitor.get(place).headers:
            time.sleep(0.5)
        assert "would be changed" in visitor.get(place).words, visitor.get(place).words
        found[f"preview of a {name}"] = place
    return found


def pages_of(database: Database) -> dict[str, str]:
    with database.connect(DatabaseRole.READ) as connection:
        busy, role, typical, largest, middle = (
            str((connection.execute(query.encode()).fetchone() or ("",))[0])
            for query in (BUSY, WANTED, TYPICAL, LARGEST, MIDDLE)
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
        "event": f"/events/{middle}",
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


def _visit(connection: http.client.HTTPConnection, path: str, cookies: str) -> float:
    started = time.perf_counter()
    connection.request("GET", path, headers={"Cookie": cookies, "Accept-Encoding": "gzip"})
    response = connection.getresponse()
    response.read()
    assert response.status == 200, (path, response.status)
    return 1_000 * (time.perf_counter() - started)


def _p95(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=20, method="inclusive")[-1]
