"""Signing in with an account of Discord, through its OAuth2; and by the word of a proxy."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.names.book import NameBook
from temple_ledger.infrastructure.names.roles import answer_roles
from temple_ledger.infrastructure.names.server import serving_names
from temple_ledger.infrastructure.sources.discord.member_roles import MemberRoles
from temple_ledger.infrastructure.sources.discord.rest import logged_in, pointed_at
from temple_ledger.infrastructure.web.account_state import challenge_of, new_secret, page_of, state_of, verifier_of
from temple_ledger.infrastructure.web.security import Place
from tests.fakes.discord_guild import TrueGuild
from tests.fakes.discord_oauth import APPLICATION, SECRET
from tests.fakes.fake_discord import FakeDiscord
from tests.web.conftest import Answer, ConsoleAtWork, Started, Visitor
from tests.web.test_sign_in import as_owner, token_of


@dataclass
class Server:
    """A Discord server with a helper, a moderator and a member without a role; and who signs in from there."""

    fake: FakeDiscord
    console: ConsoleAtWork
    seconds: list[float]
    helpers: str
    moderators: str
    helper: str
    moderator: str
    nobody: str

    @property
    def back(self) -> str:
        return f"{self.console.url}/sign-in/with/discord"

    def go(self, visitor: Visitor, account: str | None, path: str = "/sign-in") -> Answer:
        """To Discord and back again; the page with the button."""
        self.fake.oauth.account = account
        return visitor.get(parts_of(self.sent_back(visitor.get(path).link("Sign in with Discord"))))

    def sent_back(self, address: str) -> str:
        """Where Discord sends the browser."""
        split = urlsplit(address)
        assert split.port is not None
        discord = Visitor(split.port)
        return discord.get(parts_of(address)).headers["location"]

    def sign_in(self, visitor: Visitor, account: str, path: str = "/sign-in") -> Answer:
        return visitor.post("/sign-in/with/discord", fields_of(self.go(visitor, account, path)))

    def signed_in(self, account: str) -> Visitor:
        visitor = self.console.visitor()
        assert self.sign_in(visitor, account).status == 303
        return visitor


def parts_of(url: str) -> str:
    split = urlsplit(url)
    return f"{split.path}?{split.query}"


def fields_of(page: Answer) -> dict[str, str]:
    """Of its form."""
    found = dict(part.split('" value="') for part in page.text.split('type="hidden" name="')[1:])
    return {name: value.partition('"')[0] for name, value in found.items()}


@contextmanager
def bot_answers(fake: FakeDiscord, home: Path) -> Iterator[None]:
    """A bot that is logged in, and serves roles over the socket as the listener does."""
    roles, ready, ended = MemberRoles(), threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def answers() -> None:
        loops.append(asyncio.get_running_loop())
        async with logged_in("a-token") as rest:
            with roles.answered_by(rest, fake.guild.id):
                ready.set()
                await ended.wait()

    with pointed_at(fake.api_url, None), serving_names(home, NameBook(), partial(answer_roles, roles.of)):
        thread = threading.Thread(target=lambda: asyncio.run(answers()))
        thread.start()
        assert ready.wait(60)
        try:
            yield
        finally:
            loops[0].call_soon_threadsafe(ended.set)
            thread.join()


@pytest.fixture
def there(start: Started, tmp_path: Path) -> Iterator[Server]:
    guild = TrueGuild(datetime(2026, 3, 1, tzinfo=UTC))
    (helpers, _), (moderators, _) = guild.create_role("Helpers"), guild.create_role("Moderators")
    helper, moderator, nobody = guild.draw(), guild.draw(), guild.draw()
    for each in (helper, moderator, nobody):
        guild.join(each)
    guild.members[helper].roles.add(helpers)
    guild.members[moderator].roles |= {helpers, moderators}
    seconds = [0.0]
    with FakeDiscord(guild) as fake, bot_answers(fake, tmp_path / "home"):
        console = start(
            clock=lambda: seconds[0],
            TEMPLE_DISCORD_API_URL=fake.api_url,
            TEMPLE_DISCORD_CLIENT_ID=APPLICATION,
            TEMPLE_DISCORD_CLIENT_SECRET=SECRET,
            TEMPLE_DISCORD_CONSOLE_READ=helpers,
            TEMPLE_DISCORD_CONSOLE_OPERATE=f"{moderators}, 1",
            TEMPLE_DISCORD_CONSOLE_BODIES=moderators,
        )
        found = Server(fake, console, seconds, helpers, moderators, helper, moderator, nobody)
        fake.oauth.backs.add(found.back)
        yield found


def test_who_has_a_role_signs_in_with_discord_and_goes_on_where_they_were(there: Server, database: Database) -> None:
    visitor = there.console.visitor()
    page = there.go(visitor, there.moderator, "/sign-in?next=/members%3Fq%3Da")
    assert (page.status, visitor.get("/").status) == (200, 303)
    signed_in = visitor.post("/sign-in/with/discord", fields_of(page))
    assert (signed_in.status, signed_in.headers["location"]) == (303, "/members?q=a")
    assert "may operate" in visitor.follow(signed_in).words
    assert "may read" in there.signed_in(there.helper).get("/").words
    assert as_owner(database, "select person, rights, how from web_session order by id") == [
        (f"discord:{there.moderator}", ["bodies", "operate", "read"], "discord"),
        (f"discord:{there.helper}", ["read"], "discord"),
    ]
    assert there.fake.oauth.tokens == {}


def test_discord_is_asked_for_the_account_alone_with_a_proof_key(there: Server) -> None:
    asked = dict(parse_qsl(urlsplit(there.console.visitor().get("/sign-in").link("Sign in with Discord")).query))
    assert asked["scope"] == "identify"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == there.back


@pytest.mark.parametrize("who", ["nobody", "a stranger"])
def test_whoever_has_no_role_is_not_let_in(there: Server, who: str) -> None:
    visitor = there.console.visitor()
    page = there.sign_in(visitor, there.nobody if who == "nobody" else there.fake.guild.draw())
    assert (page.status, "none of the roles" in page.words) == (403, True)
    assert visitor.get("/").status == 303


def test_a_return_that_this_browser_did_not_begin_signs_nobody_in(there: Server) -> None:
    mine, other = there.console.visitor(), there.console.visitor()
    fields = fields_of(there.go(mine, there.moderator))
    other.get("/sign-in")
    for each, sent in (
        (other, fields),
        (there.console.visitor(), fields),
        (mine, {**fields, "state": ""}),
        (mine, {**fields, "state": f"{fields['state']}AAAA"}),
    ):
        cookies = dict(each.cookies)
        assert each.post("/sign-in/with/discord", sent).status == 403
        assert each.get("/").status == 303
        each.cookies = cookies
    assert mine.post("/sign-in/with/discord", fields, origin="https://evil.example.org").status == 403
    assert mine.post("/sign-in/with/discord", fields).status == 303


def test_a_code_works_once(there: Server) -> None:
    visitor = there.console.visitor()
    fields = fields_of(there.go(visitor, there.moderator))
    again = Visitor(visitor.port, dict(visitor.cookies))
    assert visitor.post("/sign-in/with/discord", fields).status == 303
    page = again.post("/sign-in/with/discord", fields)
    assert (page.status, "it was used before, or is too old" in page.words) == (403, True)
    assert again.get("/").status == 303


def test_discord_sends_nobody_to_an_address_that_it_does_not_know(there: Server) -> None:
    visitor = there.console.visitor()
    page = visitor.get("/sign-in", Host=f"localhost:{there.console.port}")
    address = page.link("Sign in with Discord")
    split = urlsplit(address)
    assert split.port is not None
    there.fake.oauth.account = there.moderator
    assert Visitor(split.port).get(parts_of(address)).status == 400
    # a code for one address is no good at another
    there.fake.oauth.backs.add(f"http://localhost:{there.console.port}/sign-in/with/discord")
    sent = dict(parse_qsl(urlsplit(there.sent_back(address)).query))
    assert visitor.post("/sign-in/with/discord", sent).status == 403


def test_whoever_cancels_at_discord_is_not_signed_in(there: Server) -> None:
    page = there.go(there.console.visitor(), None)
    assert (page.status, "Discord did not sign you in" in page.words) == (403, True)


def test_a_role_that_was_taken_counts_at_the_next_form_and_for_pages_after_ten_minutes(
    there: Server, database: Database
) -> None:
    visitor = there.signed_in(there.moderator)
    other = there.signed_in(there.helper)
    [(number,)] = as_owner(database, f"select id from web_session where person = 'discord:{there.helper}'")
    form = {"token": token_of(visitor.get("/admin"))}
    there.fake.guild.members[there.moderator].roles.discard(there.moderators)
    there.fake.guild.members[there.helper].roles.clear()
    assert visitor.post(f"/admin/sessions/{number}/revoke", form).status == 403
    assert (other.get("/").status, "may read" in visitor.get("/").words) == (200, True)
    there.seconds[0] += 600
    assert other.get("/").status == 303
    there.fake.guild.members[there.helper].roles.add(there.helpers)
    assert other.get("/").status == 303
    assert as_owner(database, "select rights from web_session where revoked_at is null") == [(["read"],)]


def test_while_discord_is_away_one_reads_and_nothing_else(there: Server, database: Database) -> None:
    visitor = there.signed_in(there.moderator)
    form = {"token": token_of(visitor.get("/admin"))}
    there.fake.is_away = True
    there.seconds[0] += 600
    assert "may read" in visitor.get("/").words
    [(number,)] = as_owner(database, "select id from web_session")
    refused = visitor.post(f"/admin/sessions/{number}/revoke", form)
    assert (refused.status, "you may only read" in refused.words) == (503, True)
    page = there.console.visitor().get("/sign-in")
    assert page.status == 200
    there.fake.is_away = False
    assert "may read" in visitor.get("/").words
    there.seconds[0] += 30
    assert "may operate" in visitor.get("/").words
    there.fake.is_away = True
    assert visitor.post("/sign-out", form).headers["location"] == "/sign-in"


def test_nobody_signs_in_while_discord_is_away(there: Server) -> None:
    visitor = there.console.visitor()
    fields = fields_of(there.go(visitor, there.moderator))
    there.fake.is_away = True
    assert visitor.post("/sign-in/with/discord", fields).status == 503


def test_the_state_is_signed_with_the_secret_of_the_browser() -> None:
    secret, other = new_secret(), new_secret()
    assert page_of(secret, state_of(secret, "/members?q=é")) == "/members?q=é"
    for state in (state_of(other, "/"), "", ".", "é.é", state_of(secret, "/").partition(".")[0]):
        assert page_of(secret, state) is None
    assert page_of("", state_of("", "/")) is None
    # RFC 7636, appendix B
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert len(verifier_of(secret)) == 43


PROXY = {"TEMPLE_WEB_PROXIES": "192.0.2.1, 127.0.0.1", "TEMPLE_WEB_PROXY_SECRET": "shared"}
ADA = {"X_Temple_Proxy_Secret": "shared", "X_Temple_User": "ada"}


@dataclass
class Behind(Visitor):
    """A browser behind a proxy that adds these headers."""

    headers: dict[str, str] | None = None

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        return super().ask(method, path, body, **{**headers, **(self.headers or {})})


def test_a_named_proxy_says_who_it_is_for_as_long_as_it_does(start: Started, database: Database) -> None:
    console = start(**PROXY, TEMPLE_WEB_PROXY_OPERATE="ada, eve")
    visitor = Behind(console.port, headers=ADA)
    assert "Sign in as ada" in visitor.get("/sign-in").words
    assert visitor.get("/").status == 303
    signed_in = visitor.post("/sign-in/with/proxy?next=/members")
    assert (signed_in.status, signed_in.headers["location"]) == (303, "/members")
    assert "may operate" in visitor.get("/").words
    assert as_owner(database, "select person, how from web_session") == [("proxy:ada", "proxy")]
    for headers in ({}, {**ADA, "X_Temple_User": "bob"}, {**ADA, "X_Temple_Proxy_Secret": "guessed"}):
        visitor.headers = headers
        assert visitor.get("/").status == 303
    visitor.headers = ADA
    assert visitor.get("/").status == 200


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        (PROXY, {"X_Temple_User": "ada"}),
        (PROXY, {**ADA, "X_Temple_Proxy_Secret": "guessed"}),
        (PROXY, {**ADA, "X_Temple_User": ""}),
        (PROXY, {**ADA, "X_Temple_User": "a\x7fb"}),
        ({**PROXY, "TEMPLE_WEB_PROXIES": "192.0.2.1"}, ADA),
        ({}, ADA),
    ],
)
def test_whom_no_named_proxy_names_with_the_secret_is_nobody(
    start: Started, settings: dict[str, str], headers: dict[str, str]
) -> None:
    visitor = Behind(start(**settings).port, headers=headers)
    assert "Sign in as" not in visitor.get("/sign-in").words
    assert visitor.post("/sign-in/with/proxy").status == 403


def test_other_machines_are_answered_only_where_they_are_named() -> None:
    place = Place(8420, "https://console.example.org", frozenset({"192.0.2.1"}))
    assert [place.serves(each) for each in ("127.0.0.1", "::1", "192.0.2.1", "192.0.2.2", "", "x")] == [
        *(True, True, True),
        *(False, False, False),
    ]
