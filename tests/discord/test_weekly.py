"""The weekly message: once a week, late rather than not at all, with figures and no names."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from temple_ledger.infrastructure.queries.from_sources import FromSources
from temple_ledger.infrastructure.sources.discord.errors import DiscordRefuses
from temple_ledger.infrastructure.sources.discord.rest import logged_in, pointed_at
from temple_ledger.infrastructure.sources.discord.weekly import WeeklyMessage, due_on
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import joined, left, role_added
from tests.discord.test_asking import mismatches
from tests.fakes.fake_discord import FakeDiscord
from tests.queries.builders import append_twice, unfoldable

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
CHANNEL = "300000000000000001"


@dataclass
class Clock:
    now: datetime = MONDAY - timedelta(days=2)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def send(ledger: LedgerScenario, fake: FakeDiscord, clock: Clock) -> Callable[[], bool]:
    """Looks once, through the real discord.py."""
    weekly = WeeklyMessage(
        ledger.database, CHANNEL, FromSources({}, mismatches), console="https://console.example.org", clock=clock
    )

    async def looked() -> bool:
        async with logged_in("a-token") as rest:
            return await weekly.send_if_due(rest)

    def sent() -> bool:
        with pointed_at(fake.api_url, fake.gateway_url):
            return asyncio.run(looked())

    return sent


@pytest.mark.parametrize(
    ("now", "monday"),
    [
        (MONDAY, date(2026, 11, 23)),
        (MONDAY - timedelta(minutes=1), date(2026, 11, 16)),
        (MONDAY + timedelta(days=6, hours=23), date(2026, 11, 23)),
    ],
)
def test_it_is_due_on_mondays_at_nine(now: datetime, monday: date) -> None:
    assert due_on(now) == monday


def test_it_comes_once_a_week_and_says_what_happened(
    ledger: LedgerScenario, send: Callable[[], bool], fake: FakeDiscord, clock: Clock
) -> None:
    day = timedelta(days=1)
    ledger.given(joined("old", MONDAY - 8 * day), joined("ada", MONDAY - day), joined("bob", MONDAY - day))
    ledger.given(role_added("ada", "Oracle", MONDAY - day), left("bob", MONDAY))
    append_twice(ledger, role_added("ada", "Seer", MONDAY - day))
    unfoldable(ledger.database, "old", MONDAY - day)
    ledger.catch_up()
    assert not send(), "the channel was set in the week before"
    clock.now = MONDAY + timedelta(hours=1)
    assert send()
    assert not send()
    ((channel, message),) = fake.asking.messages
    first, *lines = message["content"].splitlines()
    since, upto = (f"<t:{int(at.timestamp())}:f>" for at in (MONDAY - 7 * day, MONDAY))
    assert (channel, first) == (CHANNEL, f"**The ledger, {since} to {upto}**")
    assert lines == [
        "• 2 joined, 1 left",
        "• 3 roles given, 0 removed",
        "• ⚠ 1 member is parked: an event could not be folded",
        "• Shop, Pays without the role: 1",
        "<https://console.example.org>",
    ]
    assert message["allowed_mentions"] == {"parse": []}


def test_one_that_could_not_be_sent_comes_late(
    ledger: LedgerScenario, send: Callable[[], bool], fake: FakeDiscord, clock: Clock
) -> None:
    assert not send()
    clock.now = MONDAY
    fake.asking.may_send = False
    with pytest.raises(DiscordRefuses):
        send()
    fake.asking.may_send = True
    clock.now = MONDAY + timedelta(days=3)
    assert send()
    assert fake.asking.messages[0][1]["nonce"] == "week-2026-11-23"
