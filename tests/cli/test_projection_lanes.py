"""`temple projection lanes` and `temple run --lanes`: split, led, shown, joined."""

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.cli.conftest import Typed

LOW, HIGH = "bo", "ada"
"""A member of lane 3, and one of lane 15."""


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(joined(LOW, at(1)), joined(HIGH, at(2)), role_added(HIGH, "Oracle", at(3)))
    return found


def test_it_is_split_led_lane_by_lane_and_joined(temple: Typed, ledger: LedgerScenario) -> None:
    shown = temple("projection", "lanes", "members", "--split")
    assert (shown.code, "would be led in 16 lanes, from position 0" in shown.stdout) == (0, True)
    assert "is not split" in temple("projection", "lanes", "members").stderr
    assert temple("projection", "lanes", "members", "--split", "--apply", "--reason", "two machines").code == 0
    folded = temple("run", "--until-caught-up", "--lanes", "0-7")
    assert folded.code == 0
    lanes = temple("projection", "lanes", "members", "--json").data
    assert [(each["position"], each["behind"]) for each in lanes] == [(3, 0)] * 8 + [(0, 3)] * 8
    assert [ledger.rows(members, "temple_member_status", each) != [] for each in (LOW, HIGH)] == [
        True,
        False,
    ]
    table = temple("projection", "lanes", "members")
    assert "nobody leads lanes 0-15; run: temple run --lanes 0-15" in table.stderr
    assert temple("projection", "wait", "members", "--timeout", "0").code == 1
    assert temple("status", "--json").data["log"]["events"] == 3
    assert "of its 16 lanes" in temple("doctor").stdout
    joined_ = temple("projection", "lanes", "members", "--join", "--apply")
    assert "members is one again, at position 3" in joined_.stdout
    assert temple("verify").code == 0


def test_lanes_that_nobody_leads_are_a_trouble_while_a_runner_leads_the_others(
    temple: Typed, ledger: LedgerScenario
) -> None:
    temple("projection", "lanes", "members", "--split", "--apply")
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        Lease(lanes=range(8), seconds=3_600).acquire(connection, [members.key])
        troubles = temple("status", "--json").data["troubles"]
        waited = temple("projection", "wait", "members", "--timeout", "0")
    unled = "nobody leads 8 of its 16 lanes"
    assert {"what": f"members: {unled}", "next": "temple projection lanes members"} in troubles
    assert (waited.code, f"after 0 s; {unled}; start a runner" in waited.stderr) == (1, True)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("projection", "lanes", "activity", "--split"), "activity is a tally"),
        (("projection", "lanes", "members", "--join"), "members is not split"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(
    temple: Typed, ledger: LedgerScenario, typed: tuple[str, ...], said: str
) -> None:
    ended = temple(*typed)
    assert (ended.code, said in ended.stderr) == (5, True)


@pytest.mark.parametrize("lanes", ["16", "7-3", "x", "", "0-7,"])
def test_lanes_that_are_none_are_a_mistake_in_typing(temple: Typed, ledger: LedgerScenario, lanes: str) -> None:
    ended = temple("run", "--until-caught-up", "--lanes", lanes)
    assert (ended.code, "write numbers from 0 to 15, as in 0-7 or 0-3,12" in ended.stderr) == (2, True)


@pytest.mark.parametrize("more", [("--apply",), ("--reason", "x"), ("--split", "--json")])
def test_options_that_do_not_go_together_are_a_mistake_in_typing(
    temple: Typed, ledger: LedgerScenario, more: tuple[str, ...]
) -> None:
    assert temple("projection", "lanes", "members", *more).code == 2
