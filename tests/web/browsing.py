"""A real browser on a console whose ledger is a demo community: for the tests, and for the pictures of the docs."""

import io
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.demo import Community, write_history
from temple_ledger.infrastructure.demo.names import bot_names, person_name
from temple_ledger.infrastructure.log.import_lines import import_lines
from temple_ledger.infrastructure.names.name import PersonKind, PersonName
from temple_ledger.infrastructure.names.nicknames import FILE, write_nicknames
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.registry import catalogue
from temple_ledger.projections.testing.histories import role_added
from tests.web.conftest import PATREON, ConsoleAtWork, console_on

PROGRAM: Final = "chromium"
WIDTHS: Final = {"desktop": (1280, 900), "phone": (390, 844)}
Theme = Literal["light", "dark"]

BUSY: Final = """
    select user_id from temple_member_status
    where patreon_tier is not null and user_id not like 'patreon:%' and status = 'active'
    order by total_roles_count desc, user_id limit 1
"""
WANTED: Final = (
    "select role from discord_user_current_roles group by role order by count(*) desc, role offset 3 limit 1"
)
NOT_PAYING: Final = """
    select user_id from temple_member_status
    where patreon_tier is null and user_id not like 'patreon:%' and status = 'active' order by user_id limit 1
"""
SEEKER: Final = "select role from discord_role_directory where name = 'Seeker'"
GRANT: Final = f"""
    select max(id) from webhook_audit_log where action = 'added' and metadata ->> 'granted_by' = '{PATREON}'
"""


@dataclass
class Demo:
    """`member` pays and has many roles; `role` many hold; `event` is the last grant by Patreon's bot; `preview` is of a
    repair, of somebody whose row was changed and is right again."""

    console: ConsoleAtWork
    ledger: LedgerScenario
    member: str
    role: str
    event: int
    preview: str

    def pages(self) -> dict[str, str]:
        """Every page there is, by a name for a file."""
        return {
            "overview": "/",
            "members": "/members?rows=12",
            "member": f"/members/{self.member}",
            "member-then": f"/members/{self.member}?as_of=2025-07-01",
            "roles": "/roles",
            "role": f"/roles/{self.role}?rows=12",
            "role-diff": f"/roles/{self.role}/diff?from=2025-12-20&to=2025-12-31",
            "events": "/events?rows=12",
            "event": f"/events/{self.event}",
            "projections": "/projections",
            "projection": "/projections/members",
            "verify": "/verify",
            "verification": "/verify/1",
            "patreon": "/patreon",
            "inbox": "/inbox",
            "delivery": "/inbox/1",
            "operations": "/operations",
            "operation": "/operations/1",
            "admin": "/admin",
            "action": f"/actions/ask-owner?what=erase&member={self.member}",
            "preview": self.preview,
            "not-there": "/members/nobody",
        }


@contextmanager
def demo_on(database: Database, home: Path, community: Community) -> Iterator[Demo]:
    """With one of everything that has a page."""
    history = io.StringIO()
    write_history(community, history)
    import_lines(database, io.BytesIO(history.getvalue().encode()), catalogue=catalogue(), name="demo community")
    ledger = LedgerScenario(database)
    ledger.catch_up()
    who, seeker = str(_one(database, NOT_PAYING)), str(_one(database, SEEKER))
    ledger.given(role_added(who, seeker, datetime(2025, 12, 31, tzinfo=UTC), by=who))
    ledger.catch_up()
    member, role, event = (_one(database, query) for query in (BUSY, WANTED, GRANT))
    _name(database, home, community)
    _more(database)
    with console_on(database, home, allow_actions=True) as console:
        yield Demo(console, ledger, str(member), str(role), int(str(event)), _preview(database, console, str(member)))


def _preview(database: Database, console: ConsoleAtWork, member: str) -> str:
    """Of a repair that somebody might do."""
    visitor = console.signed_in()
    token = re.search(r'name="token" value="(\w+)"', visitor.get("/").text)
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(DRIFT, {"member": member, "tier": "Tin"})
        fields = {"token": "" if token is None else token[1], "projection": "members"}
        place = visitor.post("/actions/repair-preview", fields).headers["location"]
        while "refresh" in visitor.get(place).headers:
            continue
        connection.execute(DRIFT, {"member": member, "tier": None})
        connection.execute("delete from verification where drifts > 0")
    return place


def _one(database: Database, query: str) -> object:
    with database.connect(DatabaseRole.READ) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def _name(database: Database, home: Path, community: Community) -> None:
    home.mkdir(exist_ok=True)
    with database.connect(DatabaseRole.READ) as connection:
        ids = [user_id for (user_id,) in connection.execute("select user_id from temple_member_status")]
    names = {user_id: PersonName(person_name(user_id)) for user_id in ids if user_id.isdigit()}
    names |= {user_id: PersonName(name, PersonKind.BOT) for user_id, name in bot_names(community)}
    write_nicknames(home / FILE, names.items())


DRIFT: Final = """
    update temple_member_status set patreon_tier = coalesce(%(tier)s, (
        select target from webhook_audit_log where user_id = %(member)s and event_type = 'patreon_membership'
        order by timestamp desc, id desc limit 1
    )) where user_id = %(member)s
"""
DELIVERY: Final = """
    insert into inbox (source, kind, received_at, digest, body, last_received_at, state, note)
    values ('patreon', 'members:update', now(), 'd', '{"data": {}}', now(), 'failed', 'the tier is missing')
"""
SENDER: Final = """
    insert into inbox_source (source, received, first_received_at, last_received_at) values ('patreon', 1, now(), now())
"""
OPERATION: Final = """
    insert into ledger_operation (kind, projection, performed_by, reason, details)
    values ('pause', 'activity', 'ada', 'to look at it', '{"state": "running"}')
"""
RESULT: Final = """
    insert into verification (projection, version, kind, position, started_at, members, touched, drifts,
        drifted_members, parked, passed, in_log, listed)
    select 'members', 1, 'full', max(id), now(), 60, 0, 0, 0, 0, count(*), count(*), '[]' from webhook_audit_log
"""


def _more(database: Database) -> None:
    for role, statements in ((DatabaseRole.OWNER, (DELIVERY, SENDER)), (DatabaseRole.PROJECT, (OPERATION, RESULT))):
        with database.connect(role) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=shutil.which(PROGRAM), args=["--no-sandbox"])
        try:
            yield found
        finally:
            found.close()


def signed_in(
    found: Browser, console: ConsoleAtWork, *, width: str = "desktop", theme: Theme = "light", script: bool = True
) -> BrowserContext:
    """As somebody who has used a link."""
    across, down = WIDTHS[width]
    context = found.new_context(
        viewport={"width": across, "height": down}, color_scheme=theme, java_script_enabled=script, locale="en-GB"
    )
    page = context.new_page()
    page.goto(console.url + console.link())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{console.url}/")
    page.close()
    return context


def shown_in(page: Page, theme: Theme) -> None:
    """Painted in it: right after it was asked for, one colour may be the new one and its ground the old one."""
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("theme => matchMedia(`(prefers-color-scheme: ${theme})`).matches", arg=theme)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def is_wider_than_its_window(page: Page) -> bool:
    found: bool = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return found
