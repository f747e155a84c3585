"""What Prometheus is told of Patreon."""

from infrastructure.database.connection import Role
from infrastructure.metrics.patreon import patreon as reading
from tests.fakes.patreon import FakePatreon
from tests.patreon.asking import Source
from tests.patreon.bodies import ACOLYTE, FREE, at
from tests.patreon.feed import Feed


def told(feed: Feed) -> dict[tuple[str, str], float]:
    with feed.database.connect(Role.READ) as connection:
        return {
            (sample.name, "".join(sample.labels.values())): sample.value
            for metric in reading(connection)
            for sample in metric.samples
        }


def test_webhooks_and_doubts_are_told(asking: Feed, patreon: FakePatreon) -> None:
    patreon.webhooks.append(
        {"type": "webhook", "id": "31", "attributes": {"paused": True, "num_consecutive_times_failed": 4}}
    )
    Source(asking, patreon).watches(minutes=(0,))
    asking.update(ACOLYTE)
    asking.update(FREE, charge="Pending", charged=at(days=31))
    found = told(asking)
    assert found["ledger_patreon_webhook_paused", "31"] == 1
    assert found["ledger_patreon_webhook_failures", "31"] == 4
    assert found["ledger_patreon_doubts", "loss"] == 1
    assert found["ledger_patreon_doubts", "order"] == 0


def test_a_ledger_without_patreon_has_no_webhooks(feed: Feed) -> None:
    assert told(feed) == {("ledger_patreon_doubts", "loss"): 0, ("ledger_patreon_doubts", "order"): 0}
