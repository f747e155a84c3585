"""A replay that changes very many rows: put in place a sixteenth of the members at a time."""

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.archive.buckets import BUCKETS, bucket_of
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.overview import read_overview, troubles
from temple_ledger.infrastructure.queries.projection_status import ProjectionStatus, projection_status
from temple_ledger.infrastructure.read_models.operations import parked, skip
from temple_ledger.infrastructure.read_models.rebuild import by_lanes
from temple_ledger.infrastructure.read_models.rebuild.apply import USUAL, Limit
from temple_ledger.infrastructure.read_models.rebuild.ended_early import EndedEarly, ended_early
from temple_ledger.infrastructure.read_models.rebuild.progress import Cut
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.infrastructure.read_models.rebuild.rebuild_left import rebuild_left
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.lanes import LANES, lane_of
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import processor_of
from temple_ledger.projections.testing.histories import at, joined, role_added, role_removed
from tests.killed import run_killed

MEMBERS = [f"m{number:02}" for number in range(40)]
NO_LIMIT = Limit(None)
ALTERED = "update temple_member_status set patreon_tier = 'Forged'"


@pytest.fixture(autouse=True)
def _any_change_is_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_lanes, "MOST_AT_ONCE", 0)


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    ledger = LedgerScenario(database)
    ledger.given(
        *(event for each in MEMBERS for event in (joined(each, at(1)), role_added(each, "Oracle", at(5), by="mod")))
    )
    ledger.catch_up()
    return ledger


def alter(ledger: LedgerScenario, statement: str) -> None:
    """Somebody with rights, and without a reason."""
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(statement.encode())


def replay(
    ledger: LedgerScenario, in_place: Callable[[int], None] = lambda lanes: None, limit: Limit = NO_LIMIT
) -> None:
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as rebuild:
        rebuild.fold()
        shown = rebuild.compare()
        rebuild.apply(shown, by="ada", limit=limit, in_place=in_place)


def drifting(ledger: LedgerScenario) -> set[str]:
    result = verify(ledger.database, members, catalogue=CATALOGUE)
    assert result.in_log == result.passed
    return set(result.drifted)


def status(ledger: LedgerScenario) -> ProjectionStatus:
    with snapshot(ledger.database) as connection:
        return projection_status(connection, [members], "members", catalogue=CATALOGUE)


def journal(ledger: LedgerScenario) -> list[str]:
    with ledger.database.connect(DatabaseRole.READ) as connection:
        return [kind for (kind,) in connection.execute("select kind from ledger_operation order by id")]


def test_members_of_a_bucket_are_in_one_lane_in_python_and_in_sql(database: Database) -> None:
    user_ids = [*MEMBERS, "patreon:1", "ünïcode ☃", "", "8" * 100]
    assert [lane_of(each) for each in user_ids] == [bucket_of(each) // (BUCKETS // LANES) for each in user_ids]
    with database.connect(DatabaseRole.READ) as connection:
        found = connection.execute("select member_bucket(each) / 64 from unnest(%s::text[]) as each", (user_ids,))
        assert [lane for (lane,) in found] == [lane_of(each) for each in user_ids]


def test_very_many_rows_change_lane_by_lane(ledger: LedgerScenario) -> None:
    alter(ledger, ALTERED)
    seen: list[tuple[int, str]] = []
    replay(ledger, lambda lanes: seen.append((lanes, status(ledger).activity)))
    assert [lanes for lanes, _ in seen] == list(range(1, LANES))
    ledger.then_verified()
    assert status(ledger).lanes_in_place is None
    assert journal(ledger) == ["replay begins", "replay"]


def test_between_two_lanes_a_row_is_right_or_as_it_was(ledger: LedgerScenario) -> None:
    alter(ledger, ALTERED)

    def in_place(lanes: int) -> None:
        if lanes % 4 == 0:
            assert drifting(ledger) == {each for each in MEMBERS if lane_of(each) >= lanes}

    replay(ledger, in_place)
    assert drifting(ledger) == set()


def test_events_between_two_lanes_are_in_the_rows(ledger: LedgerScenario) -> None:
    """Folded by one who remembers what the rows were before the lane."""
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        processor = processor_of(members, transactions(connection), catalogue=CATALOGUE)

        def folded() -> None:
            row = connection.execute("select max(id) from webhook_audit_log").fetchone()
            assert row is not None
            processor.step(upto=Position(row[0]), limit=1_000)

        def happened(hour: int) -> None:
            ledger.given(
                *(role_added(member, "Herald", at(hour)) for member in MEMBERS[::3]),
                *(role_removed(member, "Oracle", at(4)) for member in MEMBERS[1::3]),
                joined(f"new {hour}", at(hour)),
            )
            folded()

        alter(ledger, ALTERED)
        happened(10)
        replay(ledger, lambda lanes: happened(20 + lanes) if lanes % 5 == 0 else None)
        ledger.given(*(role_added(member, "Seeker", at(50)) for member in MEMBERS))
        folded()
    ledger.then_verified()
    ledger.then_roles("m00", ["Herald", "Oracle", "Seeker"])


def test_one_that_was_ended_early_is_named_and_goes_on(ledger: LedgerScenario) -> None:
    alter(ledger, ALTERED)

    def ended(lanes: int) -> None:
        if lanes == 7:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        replay(ledger, ended)
    assert status(ledger).data["state"] == "applying, 7 of 16"
    with snapshot(ledger.database) as connection:
        found = troubles(read_overview(connection, lambda _: {}), {}, start="temple run")
        assert "temple replay members --apply" in {each.next for each in found}
    ledger.when(role_added("m00", "Herald", at(20)), joined("new", at(20)))
    assert drifting(ledger) == {each for each in MEMBERS if lane_of(each) >= 7}
    replay(ledger)
    ledger.then_verified()
    assert status(ledger).lanes_in_place is None


def killed_at_lane(ledger: LedgerScenario, lane: int) -> None:
    def kill(lanes: int) -> None:
        if lanes == lane:
            os.kill(os.getpid(), signal.SIGKILL)

    assert run_killed(lambda: replay(ledger, kill), at=10_000, moment="after")


def left(ledger: LedgerScenario) -> Sequence[EndedEarly]:
    with ledger.database.connect(DatabaseRole.READ) as connection:
        return ended_early(connection)


def go_on(ledger: LedgerScenario, begun: EndedEarly, in_place: Callable[[int], None] = lambda lanes: None) -> None:
    with rebuild_left(ledger.database, members, CATALOGUE, begun) as rebuild:
        rebuild.fold()
        rebuild.apply(rebuild.compare(), by=begun.by, limit=begun.limit, reason=begun.reason, in_place=in_place)


def test_one_that_was_killed_goes_on_within_what_was_allowed_of_it(ledger: LedgerScenario) -> None:
    alter(ledger, ALTERED)
    killed_at_lane(ledger, 7)
    (begun,) = left(ledger)
    assert begun == EndedEarly(members.key, 7, Cut.MEMBERS, "ada", None, len(MEMBERS))
    ledger.when(role_added("m00", "Herald", at(20)))
    seen: list[str] = []
    go_on(ledger, begun, lambda lanes: seen.append(status(ledger).activity))
    assert seen == [f"applying, {max(7, lane)} of 16" for lane in range(1, LANES)]
    ledger.then_verified()
    assert left(ledger) == []


def test_more_than_was_allowed_does_not_go_on_by_itself(ledger: LedgerScenario) -> None:
    alter(ledger, f"{ALTERED} where user_id <= 'm20'")
    killed_at_lane(ledger, 7)
    (begun,) = left(ledger)
    alter(ledger, ALTERED)
    before = drifting(ledger)
    with pytest.raises(Refused, match="40 members would change, and 21 were to when this replay began"):
        go_on(ledger, begun)
    assert drifting(ledger) == before
    assert status(ledger).lanes_in_place == 7


@pytest.mark.parametrize("how", ["paused", "of an archive"])
def test_what_goes_on_by_itself_and_what_does_not(ledger: LedgerScenario, how: str) -> None:
    alter(ledger, ALTERED)
    killed_at_lane(ledger, 7)
    if how == "paused":
        alter(ledger, "update projection_checkpoint set state = 'paused' where projection = 'members'")
        assert left(ledger) == []
    else:
        # divided by buckets, and gone with a crash of the server: begun anew from the database
        alter(ledger, "update projection_rebuild set cut = 'buckets', position = position - 1000")
        (begun,) = left(ledger)
        alter(ledger, "update projection_rebuild set reads = 'other events'")
        go_on(ledger, begun)
        ledger.then_verified()


def test_killed_at_any_exchange_it_ends_right(ledger: LedgerScenario) -> None:
    for exchange in range(40, 3_000, 90):
        alter(ledger, ALTERED)
        killed = run_killed(lambda: replay(ledger), at=exchange, moment="after")
        ledger.when(role_added(f"m{exchange % 40:02}", "Herald", at(20 + exchange)))
        if not killed:
            break
        replay(ledger)
        ledger.then_verified()
    else:
        pytest.fail("it never came to its end")
    assert exchange > 200
    ledger.then_verified()


def test_more_members_than_allowed_are_refused_before_the_first_lane(ledger: LedgerScenario) -> None:
    alter(ledger, ALTERED)
    with pytest.raises(Refused, match="40 of 40 members"):
        replay(ledger, limit=USUAL)
    assert drifting(ledger) == set(MEMBERS)
    assert journal(ledger) == []
    assert status(ledger).lanes_in_place is None


def malformed(ledger: LedgerScenario, member: str) -> None:
    with ledger.database.connect(DatabaseRole.APPEND) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source) "
            "values (gen_random_uuid(), '2026-01-02Z', 'discord_role_change', %s, 'added', 'elsewhere')",
            (member,),
        )


def failures(ledger: LedgerScenario) -> list[tuple[str, Position, str]]:
    with ledger.database.connect(DatabaseRole.READ) as connection:
        return [(each.user_id, each.position, each.error) for each in parked(connection, projection="members")]


def test_what_is_skipped_between_two_lanes_ends_it_and_loses_nothing(ledger: LedgerScenario) -> None:
    malformed(ledger, "m03")
    ledger.catch_up()
    alter(ledger, ALTERED)

    def skipped(lanes: int) -> None:
        if lanes == 5:
            with ledger.database.connect(DatabaseRole.READ) as connection:
                (failure,) = parked(connection, projection="members")
            skip(ledger.database, members, failure, reason="a test", catalogue=CATALOGUE, by="ada")

    with pytest.raises(Refused, match=r"5 of 16 lanes of members have the rebuilt rows, and stay; .* was changed"):
        replay(ledger, skipped)
    assert drifting(ledger) == {each for each in MEMBERS if lane_of(each) >= 5 and each != "m03"}
    replay(ledger)
    ledger.then_verified()


def test_who_is_parked_is_put_right_with_the_lanes(ledger: LedgerScenario) -> None:
    for member in ("m03", "m11", "m20"):
        malformed(ledger, member)
    ledger.catch_up()
    before = failures(ledger)
    of_members = "where projection = 'members' and user_id"
    alter(ledger, f"delete from projection_failure {of_members} = 'm11'")
    alter(ledger, f"update projection_failure set user_id = 'm05', position = 3 {of_members} = 'm03'")
    alter(ledger, f"update projection_failure set user_id = 'm06' {of_members} = 'm20'")
    alter(ledger, f"{ALTERED} where user_id > 'm20'")
    replay(ledger)
    assert failures(ledger) == before
    ledger.then_verified()


@pytest.mark.parametrize(
    "altered",
    [
        "update projection_checkpoint set position = 0, passed = 0 where projection = 'members'",
        "truncate temple_member_status, discord_user_current_roles",
    ],
    ids=["the checkpoint is at the beginning", "nothing is stored"],
)
def test_where_all_has_to_change_at_once_it_does(ledger: LedgerScenario, altered: str) -> None:
    alter(ledger, ALTERED)
    with ledger.database.connect(DatabaseRole.OWNER) as connection:
        connection.execute(altered.encode())
    seen: list[int] = []
    replay(ledger, seen.append)
    assert seen == []
    ledger.then_verified()
