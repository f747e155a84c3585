"""What happened, week by week, as the overview draws it."""

from datetime import date

from temple_ledger.infrastructure.web.bars import week_chart

MARCH, NEXT, AHEAD = date(2026, 3, 2), date(2026, 3, 9), date(2062, 1, 2)
TODAY = date(2026, 3, 11)


def test_an_event_dated_ahead_hides_no_week_of_now() -> None:
    chart = week_chart({MARCH: {"roles": 3}, NEXT: {"people": 1}, AHEAD: {"roles": 9}}, TODAY)
    assert chart is not None
    assert [(bar.week, bar.total) for bar in chart.bars] == [(MARCH, 3), (NEXT, 1)]
    assert [week for week, _ in chart.table] == [NEXT, MARCH]
    assert chart.highest == 3


def test_where_everything_is_dated_ahead_nothing_has_happened_yet() -> None:
    assert week_chart({AHEAD: {"roles": 9}}, TODAY) is None
