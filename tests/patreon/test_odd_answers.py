"""Whatever Patreon's API answers, it ends in one sentence, and nothing is appended that did not happen."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temple_ledger.domain.errors import PlatformUnavailable
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.sources.patreon.client import PatreonClient
from temple_ledger.infrastructure.sources.patreon.snapshot import take_snapshot
from temple_ledger.infrastructure.sources.patreon.webhooks import read_webhooks
from tests.discord.test_odd_answers import HTML, WAITS, WRONG, places, replaced
from tests.fakes.patreon import CAMPAIGN, FakePatreon
from tests.patreon.asking import Source
from tests.patreon.feed import Feed
from tests.patreon.test_client import Clock, client, clock, read_all, with_members
from tests.payloads.fuzzing import bounded

__all__ = ["clock"]

HOOK = {
    "type": "webhook",
    "id": "1",
    "attributes": {"num_consecutive_times_failed": 2, "paused": False, "triggers": []},
}
REPEATED = 8
"""A failure is tried again six times."""


def answers(draw: Callable[[st.SearchStrategy[Any]], Any], true: Any) -> list[tuple[int, bytes, str]]:
    """What stands in the place of the true one."""
    body = json.dumps(true).encode()
    match draw(st.sampled_from(["wrong", "wrong", "wrong", "cut", "html", "html as JSON", "limit", "503"])):
        case "cut":
            return [(200, body[: draw(st.integers(0, len(body) - 1))], "application/json")]
        case "html":
            return [(200, HTML, "text/html")]
        case "html as JSON":
            return [(200, HTML, "application/json")]
        case "limit":
            errors = draw(st.sampled_from([None, {}, [], [None], *({"retry_after_seconds": each} for each in WAITS)]))
            return [(429, json.dumps({"errors": errors}).encode(), "application/json")] * REPEATED
        case "503":
            return [(503, HTML, "text/html")] * draw(st.integers(1, REPEATED))
    place = draw(st.sampled_from(list(places(true))))
    return [(200, json.dumps(replaced(true, place, draw(st.sampled_from(WRONG)))).encode(), "application/json")]


def asked(patreon: FakePatreon, question: Callable[[PatreonClient], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with client(patreon, Clock()) as made:
            return await question(made)

    return asyncio.run(run())


def test_odd_answers_end_in_a_sentence_and_append_nothing(feed: Feed, patreon: FakePatreon) -> None:
    with_members(patreon, 3)
    patreon.webhooks = [HOOK]
    source = Source(feed, patreon)
    source.reconciles()
    page = asked(patreon, lambda made: made.members(CAMPAIGN, None))
    members = {"data": page.data, "included": list(page.included.values()), "meta": page.meta}
    questions: dict[str, tuple[Any, Callable[[PatreonClient], Awaitable[Any]]]] = {
        "members": (
            members,
            lambda made: take_snapshot(feed.database, made, [CAMPAIGN], whole=True, clock=source._now),
        ),
        "webhooks": ({"data": [HOOK, HOOK]}, lambda made: read_webhooks(feed.database, made)),
        "campaigns": ({"data": [{"type": "campaign", "id": CAMPAIGN}]}, lambda made: made.campaigns()),
    }
    before, ended = log_of(feed), set()

    @bounded(80)
    @given(st.data())
    def each(data: st.DataObject) -> None:
        true, question = questions[data.draw(st.sampled_from(sorted(questions)))]
        patreon.oddities.answers.clear()
        patreon.oddities.answers.extend(answers(data.draw, true))
        try:
            asked(patreon, question)
            ended.add("answered")
        except PlatformUnavailable:
            ended.add("unavailable")
        assert log_of(feed) == before

    each()
    assert ended == {"answered", "unavailable"}


def log_of(feed: Feed) -> list[Any]:
    with feed.database.connect(DatabaseRole.READ) as connection:
        return connection.execute("select id, event_type, action, user_id, target from webhook_audit_log").fetchall()


def page_of(*numbers: int, total: int, more: bool = True) -> tuple[int, bytes, str]:
    rows = [{"type": "member", "id": f"member-{number:04}", "attributes": {}} for number in numbers]
    pagination = {"total": total, "cursors": {"next": "more" if more else None}}
    return 200, json.dumps({"data": rows, "meta": {"pagination": pagination}}).encode(), "application/json"


@pytest.mark.parametrize("total", [-1, 0, 1])
def test_a_total_that_is_less_than_what_is_shown_does_not_end_the_reading(
    patreon: FakePatreon, clock: Clock, total: int
) -> None:
    patreon.oddities.answers.extend([page_of(0, 1, total=total), page_of(2, total=total, more=False)])
    read, seen = read_all(patreon, clock)
    assert (read.members, len(seen), read.missing) == (3, 3, None)


def test_more_than_the_total_without_an_end_is_not_known_to_be_everybody(patreon: FakePatreon, clock: Clock) -> None:
    patreon.oddities.answers.extend([page_of(0, total=0), page_of(1, total=0), page_of(1, total=0)])
    read, _ = read_all(patreon, clock)
    assert read.missing == "Patreon says there are 0 members, and showed 2"


def test_a_webhook_that_is_listed_twice_is_one(feed: Feed, patreon: FakePatreon) -> None:
    patreon.webhooks = [HOOK, {**HOOK, "attributes": {"num_consecutive_times_failed": 10**12}}]
    (found,) = asked(patreon, lambda made: read_webhooks(feed.database, made))
    assert found.failures == 2**31 - 1
