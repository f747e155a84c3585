"""Read-only is a right of the database, and no hidden button: every route, as each kind of person, by each method."""

import re
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.console_logins import (
    READER,
    ROLES_OF,
    SIGN_IN,
    as_login,
    make_console_logins,
    require_only,
)
from temple_ledger.infrastructure.database.pool import Pool
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.infrastructure.web.rights import Right
from temple_ledger.infrastructure.web.routes import PAGES
from tests.web.conftest import ADA, SEER, ConsoleAtWork, Started, Visitor
from tests.web.test_accounts import Server, there
from tests.web.test_sign_in import as_owner, token_of

__all__ = ["there"]

PRIVILEGE = psycopg.errors.InsufficientPrivilege
READ_ONLY = psycopg.errors.ReadOnlySqlTransaction

PATHS = {
    "/": "/",
    "/members": "/members",
    "/members/{user_id:name}": f"/members/{ADA}",
    "/roles": "/roles",
    "/roles/{role:name}/diff": f"/roles/{SEER}/diff",
    "/roles/{role:name}": f"/roles/{SEER}",
    "/events": "/events",
    "/events/{number}": "/events/1",
    "/projections": "/projections",
    "/projections/{name:name}": "/projections/members",
    "/verify": "/verify",
    "/verify/{number}": "/verify/1",
    "/inbox": "/inbox",
    "/inbox/{number}": "/inbox/1",
    "/operations": "/operations",
    "/operations/{number}": "/operations/1",
    "/admin": "/admin",
    "/actions/jobs/{job}": "/actions/jobs/x",
    "/actions/{name}": "/actions/pause?projection=members",
    "/{source}": "/patreon",
}
"""How each page is typed on the ledger of the test."""
MISSING = {"/actions/jobs/x": 404}


def everything(database: Database) -> str:
    """All that the ledger has, sessions apart: they note when somebody was seen."""
    with database.connect(DatabaseRole.OWNER) as connection:
        tables = connection.execute(
            "select quote_ident(tablename) from pg_tables where schemaname = 'public' and tablename not like 'web_%'"
            " order by 1"
        ).fetchall()
        rows = [connection.execute(f"select md5(string_agg(t::text, '' order by t::text)) from {table} as t".encode())
                for (table,) in tables]  # fmt: skip
        return str([(table, row.fetchone()) for (table,), row in zip(tables, rows, strict=True)])


@pytest.fixture
def whole(database: Database, ledger: LedgerScenario) -> Database:
    """With one of everything that has a page."""
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        connection.execute(
            "insert into inbox (source, kind, received_at, digest, body, last_received_at)"
            " values ('patreon', 'x', now(), 'd', '{}', now())"
        )
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(
            "insert into ledger_operation (kind, performed_by, reason) values ('pause', 'ada', 'to look')"
        )
    ledger.then_verified()
    return database


def test_every_page_is_tried_here() -> None:
    assert [each.path for each in PAGES] == list(PATHS)


def test_each_kind_of_person_sees_what_the_table_says_and_no_get_changes_anything(
    whole: Database, start: Started
) -> None:
    console = start(allow_actions=True)
    kinds = {
        "nobody": console.visitor(),
        "forged": Visitor(console.port, {f"temple_console_{console.port}": "A" * 43}),
        "read": console.signed_in(Right.READ),
        "all": console.signed_in(),
        "none": console.signed_in(Right.BODIES),
    }
    before = everything(whole)
    for each in PAGES:
        path = PATHS[each.path]
        separator = "&" if "?" in path else "?"
        for form in ("", f"{separator}format=json", f"{separator}format=csv"):
            seen = {kind: visitor.get(path + form).status for kind, visitor in kinds.items()}
            out = 303 if not form else 401
            found = 404 if path == "/verify/1" and seen["all"] == 404 else MISSING.get(path, 200)
            found = 400 if form and "format" not in each.takes else found
            reads = found if each.right is Right.READ else 403
            assert seen == {"nobody": out, "forged": out, "read": reads, "all": found, "none": 403}, path + form
            assert kinds["all"].ask("HEAD", path + form).status == found
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
            if (each.path, method) != ("/actions/{name}", "POST"):
                assert kinds["all"].ask(method, path, Origin=console.url).status == 405, (method, path)
    assert everything(whole) == before


EXPIRED = (
    "update web_session set last_seen_at = clock_timestamp() - make_interval(secs => idle_seconds + 1) where id = %s"
)
ENDED = "update web_session set revoked_at = clock_timestamp() where id = %s"
FORMS = ("/actions/pause", "/actions/nothing", "/admin/sessions/1/revoke", "/sign-out")
KINDS_OF_FORM = (None, "text/plain", "application/json", "multipart/form-data; boundary=x")


def session_of(database: Database) -> object:
    """The one that signed in last."""
    return as_owner(database, "select max(id) from web_session")[0][0]


def test_whoever_is_not_or_no_longer_let_in_sees_nothing_and_does_nothing(
    whole: Database, start: Started, there: Server
) -> None:
    console = there.console
    outside = {"of another server": console.visitor()}
    assert there.sign_in(outside["of another server"], there.fake.guild.draw()).status == 403
    tokens = {"of another server": "x"}
    for kind, statement in (("expired", EXPIRED), ("ended", ENDED)):
        outside[kind] = console.signed_in()
        tokens[kind] = token_of(outside[kind].get("/"))
        with whole.connect(DatabaseRole.OWNER) as connection:
            connection.execute(statement.encode(), [session_of(whole)])
    outside["without a role by now"] = there.signed_in(there.helper)
    tokens["without a role by now"] = token_of(outside["without a role by now"].get("/"))
    there.fake.guild.members[there.helper].roles.clear()
    there.seconds[0] += 600
    before = everything(whole)
    for kind, visitor in outside.items():
        for each in PAGES:
            path = PATHS[each.path]
            separator = "&" if "?" in path else "?"
            assert visitor.get(path).headers["location"].startswith("/sign-in?next="), (kind, path)
            assert visitor.get(f"{path}{separator}format=json").status == 401, (kind, path)
        assert visitor.get("/live").status == 401, kind
        for path in FORMS:
            sent = visitor.post(path, {"token": tokens[kind], "projection": "members", "reason": "x"})
            assert (sent.status, sent.headers["location"].partition("?")[0]) == (303, "/sign-in"), (kind, path)
    assert everything(whole) == before


def test_whose_role_was_taken_a_moment_ago_reads_on_and_does_nothing(
    whole: Database, start: Started, there: Server
) -> None:
    visitor = there.signed_in(there.moderator)
    token = token_of(visitor.get("/"))
    there.fake.guild.members[there.moderator].roles.clear()
    before = everything(whole)
    assert visitor.get("/members").status == 200
    assert visitor.post("/actions/pause", {"token": token, "projection": "members", "reason": "x"}).status == 303
    assert visitor.get("/members").status == 303
    assert everything(whole) == before


@pytest.mark.parametrize("path", FORMS)
def test_a_form_is_read_in_one_way_alone(console: ConsoleAtWork, database: Database, path: str) -> None:
    visitor = console.signed_in()
    token = token_of(visitor.get("/"))
    before = everything(database)
    for kind in KINDS_OF_FORM:
        headers = {"Origin": console.url} | ({} if kind is None else {"Content-Type": kind})
        assert visitor.ask("POST", path, f"token={token}", **headers).status == 415, kind
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        assert visitor.ask(method, path, Origin=console.url).status == 405, method
    assert visitor.get("/").status == 200
    assert everything(database) == before


def test_the_table_of_rights_in_the_docs_is_that_of_the_console() -> None:
    lines = (Path(__file__).parents[2] / "docs" / "console.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    rights = [row[0].strip("`") for row in rows if row[0].strip("`") in list(Right)]
    assert rights == list(Right)
    more = {
        path: found[1]
        for row in rows
        if len(row) == 3 and row[1] == "GET" and (found := re.match(r"`(\w+)`", row[2]))
        for path in re.findall(r"`(/[^`]*)`", row[0])
    }
    assert more == {each.path: each.right.value for each in PAGES if each.right is not Right.READ}


def test_what_is_no_page_is_a_form_of_ours_or_open_to_everybody(console: ConsoleAtWork) -> None:
    visitor = console.visitor()
    assert visitor.get("/live").status == 401
    assert visitor.get("/sign-in").status == 200
    assert visitor.get("/healthz").text == "ok\n"
    assert visitor.get("/static/x/console.css").status == 404
    assert visitor.get("/static/../../pyproject.toml").status in (303, 404)
    for path in ("/sign-out", "/admin/sessions/1/revoke"):
        assert visitor.get(path).status in (303, 405)
        assert visitor.post(path).status == 303  # to sign in: nobody is signed in
        assert visitor.post(path, origin=None).status == 403


STATEMENTS = (
    "reset role",
    "set role none",
    *(
        f"set role {role}"
        for role in ("temple_owner", "temple_append", "temple_project", "temple_web", "temple_tokens")
    ),
    "set session authorization temple",
    "set session authorization default",
)


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("login", [READER, SIGN_IN])
def test_no_change_of_role_gives_a_login_of_the_console_more(database: Database, login: str, statement: str) -> None:
    make_console_logins(database)
    with as_login(database, login).connect(DatabaseRole.LOGIN) as connection:
        with suppress(PRIVILEGE, psycopg.errors.InvalidParameterValue):
            connection.execute(statement.encode())
        row = connection.execute("select session_user, current_user").fetchone()
        assert row in ((login, login), (login, *ROLES_OF[login]))
        with pytest.raises(PRIVILEGE):
            connection.execute("delete from temple_member_status")


EVENT = (
    "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source)"
    " values (gen_random_uuid(), now(), 'x', 'x', 'x', 'x')"
)
SESSION = (
    "insert into web_session (digest, person, rights, how, idle_seconds, expires_at)"
    " values ('x', 'x', '{operate}', 'link', 9, now() + interval '1 day')"
)
FORBIDDEN = (
    EVENT,
    SESSION,
    "update temple_member_status set status = 'x'",
    "delete from discord_user_current_roles",
    "update projection_checkpoint set position = 0",
    "truncate projection_batch",
    "create table mine (id integer)",
    "select body from inbox",
    "select * from patreon_token",
    "select * from web_link",
    "select digest from web_session",
    "select web_delivery_body('x', 1)",
    "select pg_read_file('/etc/hostname')",
    "copy webhook_audit_log to program 'true'",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_login_that_reads_changes_nothing_and_sees_no_secret(database: Database, statement: str) -> None:
    make_console_logins(database)
    with as_login(database, READER).connect(DatabaseRole.LOGIN) as connection, pytest.raises(PRIVILEGE):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "select * from webhook_audit_log",
        "select * from temple_member_status",
        "select body from inbox",
        "update web_session set digest = 'x'",
        "update web_session set person = 'discord:1'",
        "delete from ledger_operation",
    ],
)
def test_the_login_that_signs_in_sees_links_and_sessions_alone(database: Database, statement: str) -> None:
    make_console_logins(database)
    with as_login(database, SIGN_IN).connect(DatabaseRole.LOGIN) as connection, pytest.raises(PRIVILEGE):
        connection.execute(statement.encode())


def test_a_page_reads_in_a_transaction_that_cannot_write(database: Database) -> None:
    make_console_logins(database)
    pool = Pool(as_login(database, READER), application="test", read_only=True)
    with pool.connection() as connection, pytest.raises(READ_ONLY):
        connection.execute("create temporary table mine (id integer)")
    pool.close()


def test_a_login_that_may_do_more_is_refused(database: Database) -> None:
    make_console_logins(database)
    with database.connect(DatabaseRole.LOGIN) as connection, pytest.raises(Refused, match="is a superuser"):
        require_only(connection, ["temple_read"])
    with as_login(database, SIGN_IN).connect(DatabaseRole.LOGIN) as connection:
        require_only(connection, ["temple_web"])
        with pytest.raises(Refused, match="is a member of temple_web; it has to be a member of temple_read"):
            require_only(connection, ["temple_read"])
