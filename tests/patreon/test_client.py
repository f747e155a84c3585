"""The client against a Patreon with all its oddities."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from temple_ledger.domain.errors import PlatformUnavailable, Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.sources.patreon.client import MOST_ATTEMPTS, PatreonClient
from temple_ledger.infrastructure.sources.patreon.paging import Page, Read, read_members
from temple_ledger.infrastructure.sources.patreon.rate_limit import RateLimit
from temple_ledger.infrastructure.sources.patreon.tokens import Given, Tokens
from temple_ledger.infrastructure.sources.token_keys import TokenKeys
from tests.fakes.patreon import CAMPAIGN, FakePatreon
from tests.patreon.bodies import ACOLYTE, DISCORD, MEMBER, member_document

Result = TypeVar("Result")


class Clock:
    """Sleeping moves it on."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._begin = datetime.now(UTC)

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=sum(self.slept))

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Given1:
    """A token that never changes."""

    async def token(self) -> str:
        return "first"

    async def instead_of(self, refused: str) -> str | None:
        return None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def client(patreon: FakePatreon, clock: Clock, access: Any = None) -> AsyncIterator[PatreonClient]:
    made = PatreonClient(
        access or Given1(),
        url=patreon.url,
        pace=RateLimit(clock.monotonic, clock.sleep),
        sleep=clock.sleep,
        clock=clock.now,
    )
    async with made:
        yield made


def ask(
    patreon: FakePatreon, clock: Clock, question: Callable[[PatreonClient], Awaitable[Result]], access: Any = None
) -> Result:
    async def run() -> Result:
        async with client(patreon, clock, access) as asked:
            return await question(asked)

    return asyncio.run(run())


def read_all(patreon: FakePatreon, clock: Clock) -> tuple[Read, list[str]]:
    seen: list[str] = []

    def keep(page: Page) -> int:
        new = {each.member_id for each in page.memberships} - set(seen)
        seen.extend(new)
        return len(new)

    return ask(patreon, clock, lambda asked: read_members(asked, CAMPAIGN, keep)), seen


def with_members(patreon: FakePatreon, number: int) -> None:
    for each in range(number):
        patreon.put(member_document(ACOLYTE, member=f"member-{each:04}", user=str(each + 1), discord=str(each + 10)))


def test_a_member_is_read_as_a_delivery_would_be(patreon: FakePatreon, clock: Clock) -> None:
    patreon.put(member_document(ACOLYTE))
    body = ask(patreon, clock, lambda asked: asked.member(MEMBER))
    assert body is not None
    assert DISCORD.encode() in body
    assert b"Iris" not in body
    assert patreon.refused == []


def test_a_member_who_is_not_there_is_nobody(patreon: FakePatreon, clock: Clock) -> None:
    assert ask(patreon, clock, lambda asked: asked.member("nobody")) is None


@pytest.mark.parametrize(
    "oddities",
    [
        {},
        {"page_size": 7},
        {"page_size": 7, "endless": True},
        {"page_size": 7, "repeats": 2},
        {"page_size": 7, "repeats": 2, "endless": True, "says_total": True},
        {"page_size": 7, "says_total": False},
    ],
)
def test_everybody_is_read_whatever_the_pages_are(patreon: FakePatreon, clock: Clock, oddities: dict[str, Any]) -> None:
    with_members(patreon, 30)
    for name, value in oddities.items():
        setattr(patreon.oddities, name, value)
    read, seen = read_all(patreon, clock)
    assert read == Read(30, None)
    assert sorted(seen) == sorted(patreon.members)


def test_fewer_members_than_patreon_says_is_not_everybody(patreon: FakePatreon, clock: Clock) -> None:
    with_members(patreon, 30)
    patreon.oddities.hides = 1
    read, _ = read_all(patreon, clock)
    assert read == Read(29, "Patreon says there are 30 members, and showed 29")


def test_without_a_total_and_an_end_it_is_not_known_to_be_everybody(patreon: FakePatreon, clock: Clock) -> None:
    with_members(patreon, 10)
    patreon.oddities.says_total, patreon.oddities.endless = False, True
    read, _ = read_all(patreon, clock)
    assert read.missing is not None


def test_a_limit_is_waited_for_as_long_as_patreon_says(patreon: FakePatreon, clock: Clock) -> None:
    patreon.fails(429, retry_after=17)
    ask(patreon, clock, lambda asked: asked.identity())
    assert clock.slept == [pytest.approx(17.1)]


@pytest.mark.parametrize("html", [False, True])
def test_what_passes_is_asked_again(patreon: FakePatreon, clock: Clock, html: bool) -> None:
    patreon.fails(503, 429, 520, html=html)
    ask(patreon, clock, lambda asked: asked.identity())
    assert len(patreon.requests) == 4
    assert clock.slept == sorted(clock.slept)


def test_what_does_not_pass_ends(patreon: FakePatreon, clock: Clock) -> None:
    patreon.fails(*[503] * 20)
    with pytest.raises(PlatformUnavailable, match="answer 503, 6 times"):
        ask(patreon, clock, lambda asked: asked.identity())
    assert len(patreon.requests) == MOST_ATTEMPTS


def test_a_server_that_is_not_there_is_a_sentence(clock: Clock) -> None:
    nowhere = FakePatreon()
    nowhere.url = "http://127.0.0.1:1"
    with pytest.raises(PlatformUnavailable, match="no answer"):
        ask(nowhere, clock, lambda asked: asked.identity())


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(401, "does not take the token"), (403, "scope"), (410, "no such thing"), (302, "elsewhere"), (400, "400")],
)
def test_a_refusal_is_a_sentence_and_is_not_repeated(
    patreon: FakePatreon, clock: Clock, status: int, sentence: str
) -> None:
    patreon.fails(status)
    with pytest.raises(PlatformUnavailable, match=sentence):
        ask(patreon, clock, lambda asked: asked.identity())
    assert len(patreon.requests) == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": NaN}', b"\xff"])
def test_an_answer_that_is_no_document_is_a_sentence(patreon: FakePatreon, clock: Clock, body: bytes) -> None:
    patreon.oddities.answers.append((200, body, "application/json"))
    with pytest.raises(PlatformUnavailable, match="cannot be read"):
        ask(patreon, clock, lambda asked: asked.identity())


def test_requests_keep_to_the_limits(clock: Clock) -> None:
    pace = RateLimit(clock.monotonic, clock.sleep, limits=((5, 2.0), (9, 60.0)))
    times = []

    async def run() -> None:
        for _ in range(30):
            await pace.turn()
            times.append(clock.monotonic())

    asyncio.run(run())
    for number, seconds in ((5, 2.0), (9, 60.0)):
        assert all(later - earlier >= seconds for earlier, later in zip(times, times[number:], strict=False))


# tokens

KEYS = TokenKeys([b"new" * 10 + b"32", b"old" * 10 + b"32"])
PAIR = Given("first", "refresh-0", "client", "its secret")


def access(database: Database, patreon: FakePatreon, clock: Clock, given: Given = PAIR) -> Callable[[], Tokens]:
    return lambda: Tokens(database, given, url=patreon.url, keys=KEYS, clock=clock.now)


def identity_with(patreon: FakePatreon, clock: Clock, made: Callable[[], Tokens]) -> None:
    async def run() -> None:
        async with client(patreon, clock, made()) as asked:
            await asked.identity()

    asyncio.run(run())


def refreshes(patreon: FakePatreon) -> int:
    return sum("/oauth2/token" in each for each in patreon.requests)


def stored(database: Database) -> tuple[str, str] | None:
    with database.connect(DatabaseRole.TOKENS) as connection:
        row = connection.execute("select access_token, refresh_token, key_digest from patreon_token").fetchone()
    if row is None:
        return None
    access_token, refresh_token, digest = row
    return KEYS.decrypt("access", access_token, digest), KEYS.decrypt("refresh", refresh_token, digest)


def test_the_given_token_is_used_while_it_is_young(database: Database, patreon: FakePatreon, clock: Clock) -> None:
    identity_with(patreon, clock, access(database, patreon, clock))
    assert refreshes(patreon) == 0


def test_a_pair_is_refreshed_ahead_of_its_end(database: Database, patreon: FakePatreon, clock: Clock) -> None:
    made = access(database, patreon, clock)
    identity_with(patreon, clock, made)
    clock.slept.append(timedelta(days=2).total_seconds())
    identity_with(patreon, clock, made)
    clock.slept.append(timedelta(days=16).total_seconds())
    identity_with(patreon, clock, made)
    identity_with(patreon, clock, made)
    assert refreshes(patreon) == 2
    assert patreon.refused == []


def test_a_pair_is_kept_before_it_is_used(database: Database, patreon: FakePatreon, clock: Clock) -> None:
    found: list[tuple[str, str] | None] = []

    def look(path: str) -> None:
        if path.endswith("/identity"):
            found.append(stored(database))

    patreon.tokens.clear()
    patreon.before_answer = look
    identity_with(patreon, clock, access(database, patreon, clock))
    assert found == [("first", "refresh-0"), (f"access-{1}", "refresh-1")]


@pytest.mark.parametrize("expires_in", [10**15, -5, 0, None, "soon", 1.5, [], {}, True])
def test_a_pair_is_stored_however_long_it_is_said_to_live(
    database: Database, patreon: FakePatreon, clock: Clock, expires_in: Any
) -> None:
    patreon.expires_in = expires_in

    async def run() -> str:
        made = access(database, patreon, clock)()
        await made.token()
        clock.slept.append(timedelta(days=29).total_seconds())
        return await made.token()

    assert asyncio.run(run()) == "access-1"
    assert stored(database) == ("access-1", "refresh-1")


def test_many_who_find_the_token_refused_refresh_it_once(
    database: Database, patreon: FakePatreon, clock: Clock
) -> None:
    patreon.tokens.clear()

    async def run() -> None:
        tokens = [access(database, patreon, clock)() for _ in range(3)]
        await asyncio.gather(*(each.token() for each in tokens))
        found = await asyncio.gather(*(each.instead_of("first") for each in tokens for _ in range(2)))
        assert set(found) == {"access-1"}

    asyncio.run(run())
    assert refreshes(patreon) == 1


def test_a_refused_refresh_is_not_tried_again_and_the_given_token_serves(
    database: Database, patreon: FakePatreon, clock: Clock
) -> None:
    patreon.refresh_token = "used by somebody else"
    clock.slept.append(timedelta(days=2).total_seconds())
    identity_with(patreon, clock, access(database, patreon, clock))
    clock.slept.append(timedelta(days=60).total_seconds())
    for _ in range(2):
        identity_with(patreon, clock, access(database, patreon, clock))
    assert refreshes(patreon) == 1


def test_another_pair_in_the_settings_begins_anew(database: Database, patreon: FakePatreon, clock: Clock) -> None:
    patreon.refresh_token = "given later"
    clock.slept.append(timedelta(days=2).total_seconds())
    patreon.tokens = {"second"}
    with pytest.raises(PlatformUnavailable):
        identity_with(patreon, clock, access(database, patreon, clock))
    identity_with(patreon, clock, access(database, patreon, clock, Given("second", "given later", "client", "secret")))
    assert stored(database) == ("second", "given later")


def test_patreon_away_while_refreshing_leaves_the_token_that_lives(
    database: Database, patreon: FakePatreon, clock: Clock
) -> None:
    made = Tokens(database, PAIR, url="http://127.0.0.1:1", keys=KEYS, clock=clock.now)
    asyncio.run(made.token())
    clock.slept.append(timedelta(days=2).total_seconds())
    assert asyncio.run(made.token()) == "first"


def test_without_a_token_nothing_is_read(database: Database) -> None:
    with pytest.raises(Refused, match="TEMPLE_PATREON_TOKEN"):
        Tokens(database, Given(None), url="http://127.0.0.1:1", keys=KEYS)
