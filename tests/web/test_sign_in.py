"""Signing in: a link that works once, sessions that end, and forms that are ours."""

import re
from datetime import UTC, datetime

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.web.rights import Right
from temple_ledger.infrastructure.web.security import within
from temple_ledger.infrastructure.web.sign_in import WebSession
from tests.web.conftest import Answer, ConsoleAtWork, Started, Visitor


def as_owner(database: Database, statement: str) -> list[tuple[object, ...]]:
    with database.connect(DatabaseRole.OWNER) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def token_of(page: Answer) -> str:
    found = re.search(r'name="token" value="([0-9a-f]+)"', page.text)
    assert found is not None
    return found[1]


def test_looking_at_a_link_does_not_use_it_up_and_its_button_does_so_once(console: ConsoleAtWork) -> None:
    visitor, link = console.visitor(), console.link()
    for _ in range(3):
        assert "This link signs you in once" in visitor.get(link).words
    assert visitor.get("/").status == 303
    signed_in = visitor.post(link)
    assert (signed_in.status, signed_in.headers["location"]) == (303, "/")
    assert visitor.follow(signed_in).status == 200
    other = console.visitor()
    assert (other.post(link).status, other.cookies) == (410, {})
    assert "This link is used up" in other.get(link).words


def test_a_link_that_is_too_old_or_never_was_signs_nobody_in(console: ConsoleAtWork, database: Database) -> None:
    link = console.link()
    as_owner(database, "update web_link set expires_at = clock_timestamp() - interval '1 second'")
    for each in (link, "/sign-in/never", "/sign-in/%C3%A9"):
        assert console.visitor().post(each).status == 410


def test_only_digests_are_stored(console: ConsoleAtWork, database: Database) -> None:
    link = console.link()
    visitor = console.signed_in()
    stored = str([as_owner(database, f"select {table}::text from {table}") for table in ("web_link", "web_session")])
    assert link.rpartition("/")[2] not in stored
    assert next(iter(visitor.cookies.values())) not in stored


def test_the_cookie_is_of_this_console_and_of_no_script(console: ConsoleAtWork) -> None:
    cookie = console.visitor().post(console.link()).headers["set-cookie"]
    assert cookie.startswith(f"temple_console_{console.port}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie  # plain loopback


def test_behind_a_proxy_the_cookie_is_of_the_host_and_of_tls_alone(start: Started) -> None:
    console = start(TEMPLE_WEB_URL="https://console.example.org")
    visitor, link = console.visitor(), console.link()
    form = {"Content_Type": "application/x-www-form-urlencoded", "Host": "console.example.org"}
    refused = visitor.ask("POST", link, **form, Origin="http://console.example.org")
    assert refused.status == 403
    taken = visitor.ask("POST", link, **form, Origin="https://console.example.org")
    assert taken.status == 303
    assert taken.headers["set-cookie"].startswith("__Host-temple=")
    assert "Secure" in taken.headers["set-cookie"]
    assert visitor.get("/", Host="console.example.org").status == 200
    assert visitor.get("/", Host="elsewhere.example.org").status == 421


@pytest.mark.parametrize("host", ["evil.example.org", "127.0.0.1", "127.0.0.1:1", "", "localhost.evil.org:80"])
def test_a_host_that_is_not_ours_gets_nothing(console: ConsoleAtWork, host: str) -> None:
    visitor = console.signed_in()
    for path in ("/", "/static/x/console.css", "/sign-in", "/healthz"):
        assert visitor.get(path, Host=host).status == 421


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example.org", "http://127.0.0.1:1", "http://localhost"])
def test_a_form_from_elsewhere_changes_nothing(console: ConsoleAtWork, origin: str | None) -> None:
    visitor, link = console.signed_in(), console.link()
    token = token_of(visitor.get("/"))
    assert visitor.post("/sign-out", {"token": token}, origin=origin).status == 403
    assert visitor.get("/").status == 200
    assert console.visitor().post(link, origin=origin).status == 403
    assert "signs you in once" in console.visitor().get(link).words


@pytest.mark.parametrize("token", ["", "0" * 96, "é", "x" * 70_000])
def test_a_form_without_the_token_of_its_session_changes_nothing(console: ConsoleAtWork, token: str) -> None:
    visitor = console.signed_in()
    assert visitor.post("/sign-out", {"token": token}).status in (403, 413)
    assert visitor.post("/sign-out", {"token": token_of(console.signed_in().get("/"))}).status == 403
    assert visitor.get("/").status == 200


def test_a_token_is_another_one_each_time_and_any_of_them_works(console: ConsoleAtWork) -> None:
    visitor = console.signed_in()
    first, second = token_of(visitor.get("/")), token_of(visitor.get("/"))
    assert first != second
    assert visitor.post("/sign-out", {"token": first}).headers["location"] == "/sign-in"
    assert visitor.get("/").status == 303
    session = WebSession(1, "local:x", frozenset(), "secret")
    assert session.made_form_token(session.form_token())
    assert not session.made_form_token(session.form_token()[:-1])


@pytest.mark.parametrize(
    "ended",
    [
        "update web_session set expires_at = clock_timestamp()",
        "update web_session set last_seen_at = clock_timestamp() - make_interval(secs => idle_seconds + 1)",
        "update web_session set revoked_at = clock_timestamp()",
        "delete from web_session",
    ],
)
def test_a_session_ends_by_age_by_idleness_and_when_it_is_revoked(
    console: ConsoleAtWork, database: Database, ended: str
) -> None:
    visitor = console.signed_in()
    assert visitor.get("/").status == 200
    as_owner(database, ended)
    assert visitor.get("/").headers["location"] == "/sign-in?next=/"
    assert visitor.get("/members?format=json").status == 401
    assert visitor.get("/live").status == 401
    part = visitor.get("/members?q=a", HX_Request="true", HX_Target="live")
    assert (part.status, part.headers["hx-redirect"]) == (401, "/sign-in?next=/members%3Fq%3Da")


def test_whoever_may_operate_ends_any_session_and_others_their_own(console: ConsoleAtWork, database: Database) -> None:
    reader, operator = console.signed_in(Right.READ), console.signed_in()
    [(of_reader,), (of_operator,)] = as_owner(database, "select id from web_session order by id")

    def end(visitor: Visitor, number: object) -> int:
        return visitor.post(f"/admin/sessions/{number}/revoke", {"token": token_of(visitor.get("/admin"))}).status

    assert end(reader, of_operator) == 403
    assert operator.get("/").status == 200
    assert end(operator, of_reader) == 303
    assert reader.get("/").status == 303
    assert end(operator, of_operator) == 303
    assert operator.get("/").status == 303


def test_a_session_is_seen_once_a_minute_at_most(console: ConsoleAtWork, database: Database) -> None:
    visitor = console.signed_in()
    before = as_owner(database, "select last_seen_at from web_session")
    visitor.get("/")
    assert as_owner(database, "select last_seen_at from web_session") == before
    as_owner(database, "update web_session set last_seen_at = last_seen_at - interval '2 minutes'")
    visitor.get("/")
    [(seen,)] = as_owner(database, "select last_seen_at from web_session")
    assert isinstance(seen, datetime)
    assert (datetime.now(UTC) - seen).total_seconds() < 60


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("/members?q=a", "/members?q=a"),
        ("//evil.example.org", "/"),
        ("/\\evil.example.org", "/"),
        ("https://evil.example.org", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\nSet-Cookie: x", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_nobody_is_sent_elsewhere(path: str, safe: str) -> None:
    assert within(path) == safe


def test_bodies_are_shown_to_who_may_see_them_alone(console: ConsoleAtWork, database: Database) -> None:
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        connection.execute(
            "insert into inbox (source, kind, received_at, digest, body, last_received_at)"
            " values ('patreon', 'x', now(), 'd', 'a secret <b>body</b>', now())"
        )
    assert "a secret <b>body</b>" in console.signed_in().get("/inbox/1").words
    reader = console.signed_in(Right.READ)
    page = reader.get("/inbox/1")
    assert (page.status, "a secret" in page.text) == (200, False)
    assert "a secret" not in reader.get("/inbox/1?format=json").text
    with console.signer.connect(DatabaseRole.LOGIN) as connection:
        rows = connection.execute("select web_delivery_body(digest, 1), rights from web_session order by id").fetchall()
    assert [(row[0] is not None, row[1]) for row in rows] == [(True, ["read", "operate", "bodies"]), (False, ["read"])]


def test_what_is_asked_for_is_not_logged(console: ConsoleAtWork, capfd: pytest.CaptureFixture[str]) -> None:
    visitor: Visitor = console.signed_in()
    visitor.get("/members?q=somebody-s-name")
    visitor.get("/members/nobody-there")
    logged = "".join(capfd.readouterr())
    assert "somebody-s-name" not in logged
    assert "/sign-in/" not in logged


def test_whoever_comes_back_after_the_end_of_their_session_reads_that_it_is_over(
    console: ConsoleAtWork, database: Database
) -> None:
    visitor, other = console.signed_in(), console.signed_in()
    over = "Your session is over"
    assert over not in console.visitor().get("/sign-in").words
    assert over not in visitor.get("/sign-in").words
    assert visitor.post("/sign-out", {"token": token_of(visitor.get("/"))}).status == 303
    assert over not in visitor.follow(visitor.get("/members")).words
    as_owner(database, "update web_session set revoked_at = clock_timestamp() returning id")
    assert over in other.follow(other.get("/members")).words
