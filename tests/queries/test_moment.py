"""Times as people write them."""

from datetime import UTC, datetime

import pytest

from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.infrastructure.queries.as_of import AsOf, beginning, end


def test_a_date_is_its_first_microsecond_where_something_begins() -> None:
    assert beginning("2026-03-01") == datetime(2026, 3, 1, tzinfo=UTC)


def test_a_date_is_its_last_microsecond_where_something_ends_so_that_the_whole_day_counts() -> None:
    assert end("2026-03-01") == datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize("parse", [beginning, end])
def test_an_instant_is_that_instant(parse: object) -> None:
    assert callable(parse)
    assert parse("2026-03-01T18:00:00+02:00") == datetime(2026, 3, 1, 16, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-03-01T18:00:00", "2026-02-30", "yesterday", "", "20260301"])
def test_a_time_that_is_not_certain_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent):
        end(text)


def test_a_moment_reads_as_a_sentence_goes_on() -> None:
    assert str(AsOf()) == "now"
    assert str(AsOf(as_of=beginning("2026-03-01"))) == "as of 2026-03-01T00:00:00.000000+00:00"
