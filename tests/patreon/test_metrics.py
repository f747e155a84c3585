"""What Prometheus is told of Patreon."""

from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.sources.patreon.metrics import patreon_doubts as reading
from tests.patreon.bodies import ACOLYTE, FREE, at
from tests.patreon.feed import Feed


def told(feed: Feed) -> dict[tuple[str, str], float]:
    with feed.database.connect(DatabaseRole.READ) as connection:
        return {
            (sample.name, "".join(sample.labels.values())): sample.value
            for metric in reading(connection)
            for sample in metric.samples
        }


def test_doubts_are_told(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.update(FREE, charge="Pending", charged=at(days=31))
    found = {cause: value for (name, cause), value in told(asking).items() if name == "ledger_patreon_doubts"}
    assert found == {"loss": 1, "order": 0, "tier": 0}


def test_stale_deliveries_are_counted(feed: Feed) -> None:
    feed.update(ACOLYTE)
    assert told(feed)["ledger_patreon_stale_deliveries_total", ""] == 0
    feed.update(FREE, charged=at(days=-31))
    assert told(feed)["ledger_patreon_stale_deliveries_total", ""] == 1


def test_a_refused_refresh_is_told_without_the_token(feed: Feed) -> None:
    with feed.database.connect(DatabaseRole.TOKENS) as connection:
        connection.execute(
            "insert into patreon_token "
            "values ('creator', 'access', 'refresh', '', now(), now(), to_timestamp(60), now())"
        )
    found = told(feed)
    assert found["ledger_patreon_token_refused", ""] == 1
    assert found["ledger_patreon_token_expires_timestamp_seconds", ""] == 60
