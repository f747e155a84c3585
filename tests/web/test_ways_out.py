"""What needs a person leads to the page, or the button, that the console has for it; and how projections stand."""

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.queries.lag_trend import LagAt
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.infrastructure.web.lag_chart import HEIGHT, lag_chart
from temple_ledger.infrastructure.web.rights import Right
from temple_ledger.infrastructure.web.ways_out import PAGES, WayOut, way_out
from temple_ledger.projections.testing.histories import at, joined
from tests.web.conftest import Started


@pytest.mark.parametrize(
    ("command", "operator", "reader"),
    [
        ("temple inbox list --state failed", "/inbox?state=failed", "/inbox?state=failed"),
        ("temple projection resume members@2", "/actions/resume?projection=members%402", "/projections/members"),
        ("temple replay activity --apply", "/actions/replay-preview?projection=activity", "/projections/activity"),
        ("temple repair members", "/actions/repair-preview?projection=members", "/projections/members"),
        ("temple repair --apply --reason TEXT", None, None),
        ("temple db migrate", None, None),
        ("restart temple run, or temple up", None, None),
    ],
)
def test_a_command_has_the_page_that_stands_for_it_or_none(
    command: str, operator: str | None, reader: str | None
) -> None:
    found = [way_out(command, may_act) for may_act in (True, False)]
    assert [each and each.url for each in found] == [operator, reader]


def test_what_needs_a_person_leads_to_a_page_that_is_there(
    start: Started, ledger: LedgerScenario, database: Database
) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("update projection_checkpoint set state = 'paused' where projection = 'activity'")
    console = start(allow_actions=True)
    operator, reader = console.signed_in(), console.signed_in(Right.READ)
    pages = [(operator, operator.get("/")), (reader, reader.get("/"))]
    assert [page.link("Look at them") for _, page in pages] == ["/projections#parked"] * 2
    assert operator.get(pages[0][1].link("Resume")).status == 200
    assert reader.get(pages[1][1].link("Look at it")).status == 200
    assert 'id="parked"' in reader.get("/projections").text
    ways = [way for command in PAGES for may in (True, False) if (way := way_out(f"{command} members", may))]
    assert [way for way in ways if operator.get(way.url.partition("#")[0]).status != 200] == []
    assert WayOut("Look at them", "/projections#leaving") in ways
    assert 'id="leaving"' in reader.get("/projections").text


BESIDE = """
    insert into projection_checkpoint (projection, version, position, epoch, state, passed, active)
    select projection, 2, position, epoch, 'paused', passed, false from projection_checkpoint
    where projection = 'members'
"""
CONSUMER = (
    "insert into feed_consumer (projection, version, consumer, position) values ('members', 1, 'a <b>bot</b>', 3)"
)


def test_a_projection_shows_its_versions_side_by_side_and_who_follows_it(
    start: Started, ledger: LedgerScenario, database: Database
) -> None:
    console = start()
    reader = console.signed_in(Right.READ)
    assert "Versions side by side" not in reader.get("/projections/members").words
    assert "no consumer reads their changes" in reader.get("/projections").words
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute(BESIDE.encode())
        connection.execute(CONSUMER.encode())
    versions = reader.get("/projections/members").words.partition("Versions side by side")[2]
    together = versions.replace(" ", "")
    assert ("version1readersseeit" in together, "version2notseen" in together) == (True, True)
    assert "temple projection compare" not in versions
    operator = console.signed_in().get("/projections/members").words
    assert "temple projection compare members --to 2 shows whom they differ in" in operator
    assert "a<b>bot</b>membersbeginning30" in reader.get("/projections").words.replace(" ", "")


def test_the_lag_of_a_projection_is_drawn_from_the_journal_of_its_steps(
    start: Started, ledger: LedgerScenario, database: Database
) -> None:
    reader = start().signed_in(Right.READ)
    assert "in 1 minute in which" in reader.get("/projections/members").words
    ledger.given(joined("ada", at(30)))
    ledger.catch_up()
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute(
            "update projection_batch set committed_at = committed_at + interval '2 hours'"
            " where last_position = (select max(last_position) from projection_batch)"
        )
    page = reader.get("/projections/members").words
    assert "in 2 minutes in which something was folded: at most 2 h" in page


def test_bars_of_lag_are_as_high_as_the_longest_and_never_nothing() -> None:
    assert lag_chart([]) is None
    chart = lag_chart([LagAt(at(1), 0.0), LagAt(at(2), 30.0), LagAt(at(3), 15.0)])
    assert chart is not None
    assert [bar.height for bar in chart.bars] == [1.0, HEIGHT, HEIGHT / 2]
    assert (chart.highest, chart.first, chart.last) == (30.0, at(1), at(3))
    quick = lag_chart([LagAt(at(1), 0.01)])
    assert quick is not None
    assert quick.bars[0].height == 1.0, "milliseconds are drawn against a second"
