"""Planted drift of every kind is found, named and, where the log allows, repaired."""

import json
import threading
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.reconcile import reconcile
from temple_ledger.infrastructure.read_models.verification.repair import altered_ranges, repair
from temple_ledger.infrastructure.read_models.verification.stored_results import (
    rounds,
    stored_verification,
    stored_verifications,
)
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.drift import DriftKind
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.ending import raised_by
from tests.interrupted import interrupted_at
from tests.killed import Moment, run_killed
from tests.thorough import points
from tests.verification.builders import since_last


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    ledger = LedgerScenario(database)
    everybody = [f"m{number:02}" for number in range(30)]
    ledger.given(
        *(event for each in everybody for event in (joined(each, at(1)), role_added(each, "Oracle", at(2), by="mod")))
    )
    ledger.catch_up()
    return ledger


def alter(ledger: LedgerScenario, statement: str, role: DatabaseRole = DatabaseRole.PROJECT) -> None:
    with ledger.database.connect(role) as connection:
        connection.execute(statement.encode())


PLANTED = [
    ("delete from discord_user_current_roles where user_id = 'm03'", DriftKind.MISSING, "m03", None),
    ("insert into discord_user_current_roles values ('m03', 'Forged', now(), 'x')", DriftKind.TOO_MANY, "m03", None),
    ("update discord_user_current_roles set granted_by = 'x' where user_id = 'm03'", DriftKind.DIFFERENT, "m03",
     "granted_by"),
    ("update temple_member_status set total_roles_count = 7 where user_id = 'm03'", DriftKind.DIFFERENT, "m03",
     "total_roles_count"),
    ("delete from temple_member_status where user_id = 'm03'", DriftKind.MISSING, "m03", None),
    ("insert into temple_member_status (user_id) values ('nobody')", DriftKind.TOO_MANY, "nobody", None),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "kind", "user_id", "column"), PLANTED)
def test_a_full_verify_names_the_drift_and_repair_undoes_just_it(
    ledger: LedgerScenario, statement: str, kind: DriftKind, user_id: str, column: str | None
) -> None:
    alter(ledger, statement)
    verified = verify(ledger.database, members, catalogue=CATALOGUE)
    assert [(drift.kind, drift.user_id, drift.column) for drift in verified.listed] == [(kind, user_id, column)]
    repaired = repair(ledger.database, members, verified, reason="a test", catalogue=CATALOGUE, by="ada")
    assert (repaired.members, repaired.changes) == (1, 1)
    ledger.then_verified()
    with ledger.database.connect(DatabaseRole.READ) as connection:
        kind_, reason, details = connection.execute(
            "select kind, reason, details from ledger_operation"
        ).fetchone() or (
            None,
            None,
            {},
        )
    assert (kind_, reason) == ("repair", "a test")
    assert set(details["before"]) == set(details["after"]) == {user_id}


@pytest.mark.parametrize(("statement", "kind", "user_id", "column"), PLANTED)
def test_the_rolling_share_comes_to_everybody(
    ledger: LedgerScenario, statement: str, kind: DriftKind, user_id: str, column: str | None
) -> None:
    assert reconcile(ledger.database, BUILT_IN, catalogue=CATALOGUE, by="ada").issues == 0
    alter(ledger, statement)
    since = since_last(ledger.database, members)
    assert since.verified.touched == 0
    assert since.completed
    assert [(drift.kind, drift.user_id, drift.column) for drift in since.verified.listed] == [(kind, user_id, column)]


def test_the_rolling_share_comes_to_whoever_is_in_the_roles_alone(ledger: LedgerScenario) -> None:
    """Also where everybody before them holds many roles."""
    for number in range(50):
        ledger.given(*[role_added(f"r{number:02}", f"Role {role}", at(2)) for role in range(6)])
    ledger.catch_up()
    reconcile(ledger.database, BUILT_IN, catalogue=CATALOGUE, by="ada")
    alter(ledger, "insert into discord_user_current_roles values ('r45 made up', 'Oracle', now(), null)")
    since = since_last(ledger.database, members)
    assert since.completed
    assert [drift.user_id for drift in since.verified.listed] == ["r45 made up"]


def test_touched_members_are_compared_however_small_the_budget(ledger: LedgerScenario) -> None:
    reconcile(ledger.database, BUILT_IN, catalogue=CATALOGUE, by="ada")
    ledger.given(role_added("m07", "Seeker", at(3)))
    ledger.catch_up()
    alter(ledger, "update temple_member_status set patreon_tier = 'Gold'")
    since = since_last(ledger.database, members, budget_seconds=0)
    assert (since.verified.touched, since.verified.members) == (1, 1)
    assert [drift.user_id for drift in since.verified.listed] == ["m07"]
    assert not since.completed


def test_a_round_goes_on_where_the_budget_ended(ledger: LedgerScenario) -> None:
    ticks = iter([0.0, 0.5, 2.0])
    first = since_last(ledger.database, members, budget_seconds=1, clock=lambda: next(ticks, 9.0))
    assert first.completed or first.round.next_user == "m29"


def test_what_is_not_repaired_is_found_again(ledger: LedgerScenario) -> None:
    alter(ledger, "update temple_member_status set patreon_tier = 'Gold' where user_id = 'm03'")
    alter(ledger, "update webhook_activity_hourly set events = events + 1 where event_type = 'discord_join'")
    for _ in range(3):
        done = reconcile(ledger.database, BUILT_IN, repair_below=0, budget_seconds=0, catalogue=CATALOGUE, by="ada")
        assert done.left == 2 or _ == 0
    with ledger.database.connect(DatabaseRole.READ) as connection:
        assert stored_verifications(connection, "members")[0].drifts == 1


def test_more_than_a_report_lists_is_found_again_whole(ledger: LedgerScenario) -> None:
    alter(
        ledger,
        "insert into temple_member_status (user_id) select 'made up ' || n from generate_series(1, 1100) as n",
    )
    for _ in range(2):
        reconciled = reconcile(ledger.database, [members], budget_seconds=60, catalogue=CATALOGUE, by="ada")
        assert reconciled.issues == 1100


def test_counts_that_drifted_are_found_and_repaired_by_key(ledger: LedgerScenario) -> None:
    alter(ledger, "update webhook_activity_hourly set events = events + 5 where event_type = 'discord_join'")
    alter(ledger, "delete from webhook_activity_hourly where event_type = 'discord_role_change'")
    since = since_last(ledger.database, activity)
    assert since.verified.drifts == 2
    assert (
        repair(ledger.database, activity, since.verified, reason="a test", catalogue=CATALOGUE, by="ada").changes == 2
    )
    ledger.then_verified()


@pytest.mark.parametrize("altered", ["position = 10", "position = 10, passed = 10", "position = 99999", "passed = 3"])
def test_an_altered_checkpoint_is_found_and_repaired(ledger: LedgerScenario, altered: str) -> None:
    alter(ledger, f"update projection_checkpoint set {altered} where projection = 'members'")
    verified = verify(ledger.database, members, catalogue=CATALOGUE)
    assert not verified.ok
    repair(ledger.database, members, verified, reason="a test", most_members=100, catalogue=CATALOGUE, by="ada")
    ledger.when(role_added("ada", "Oracle", at(30)))
    ledger.then_roles("ada", ["Oracle"])


def test_an_event_removed_from_the_log_is_found_and_located_and_not_repaired(ledger: LedgerScenario) -> None:
    alter(
        ledger,
        "alter table webhook_audit_log disable trigger all; "
        "delete from webhook_audit_log where user_id = 'm03' and action = 'joined'; "
        "alter table webhook_audit_log enable always trigger webhook_audit_log_is_append_only",
        DatabaseRole.LOGIN,
    )
    verified = verify(ledger.database, members, catalogue=CATALOGUE)
    assert verified.miscounted
    assert verified.passed - (verified.in_log or 0) == 1
    repaired = repair(ledger.database, members, verified, reason="a test", catalogue=CATALOGUE, by="ada")
    assert repaired.count is None
    assert "the log has 59 events, 60 were folded" in repaired.altered[0]
    assert verify(ledger.database, members, catalogue=CATALOGUE).miscounted
    with ledger.database.connect(DatabaseRole.READ) as connection:
        assert altered_ranges(connection, members.key, verified.position) == repaired.altered


def test_above_the_cap_nothing_is_repaired(ledger: LedgerScenario) -> None:
    alter(ledger, "delete from discord_user_current_roles")
    verified = verify(ledger.database, members, catalogue=CATALOGUE)
    with pytest.raises(Refused, match="30 members"):
        repair(ledger.database, members, verified, reason="a test", most_members=29, catalogue=CATALOGUE, by="ada")
    assert verify(ledger.database, members, catalogue=CATALOGUE).drifts == verified.drifts


class _Gateway(BaseHTTPRequestHandler):
    taken: ClassVar[list[bytes]] = []

    def do_PUT(self) -> None:
        self.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def gateway() -> Any:
    _Gateway.taken = []
    server = HTTPServer(("127.0.0.1", 0), _Gateway)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_reconciling_repairs_few_issues_and_tells_the_pushgateway(
    ledger: LedgerScenario, gateway: str, tmp_path: Path
) -> None:
    alter(ledger, "update temple_member_status set patreon_tier = 'Gold' where user_id = 'm03'")
    result = reconcile(
        ledger.database,
        BUILT_IN,
        full=True,
        pushgateway=gateway,
        details=tmp_path / "issues.log",
        catalogue=CATALOGUE,
        by="ada",
    )
    assert (result.issues, result.left, result.repaired, result.push_error) == (1, 0, 1, None)
    assert b"ledger_consistency_check_failures 0.0" in _Gateway.taken[0]
    (line,) = (tmp_path / "issues.log").read_text().splitlines()
    assert json.loads(line)["user_id"] == "m03"
    ledger.then_verified()


def test_reconciling_leaves_many_issues_to_people(ledger: LedgerScenario, gateway: str) -> None:
    alter(ledger, "update temple_member_status set patreon_tier = 'Gold' where user_id < 'm10'")
    result = reconcile(ledger.database, BUILT_IN, full=True, pushgateway=gateway, catalogue=CATALOGUE, by="ada")
    assert (result.issues, result.left, result.repaired) == (10, 10, 0)
    assert b"ledger_consistency_check_failures 10.0" in _Gateway.taken[0]
    assert not verify(ledger.database, members, catalogue=CATALOGUE).ok


def test_a_gateway_that_is_away_is_said_and_stops_nothing(ledger: LedgerScenario) -> None:
    result = reconcile(ledger.database, BUILT_IN, pushgateway="http://127.0.0.1:9", catalogue=CATALOGUE, by="ada")
    assert result.left == 0
    assert result.push_error is not None


def test_results_are_kept_and_say_when_everybody_was_covered(ledger: LedgerScenario) -> None:
    alter(ledger, "update temple_member_status set patreon_tier = 'Gold' where user_id = 'm03'")
    reconcile(ledger.database, BUILT_IN, repair_below=0, catalogue=CATALOGUE, by="ada")
    with ledger.database.connect(DatabaseRole.READ) as connection:
        newest = stored_verifications(connection, "members")[0]
        assert (newest.kind, newest.drifts, newest.listed) == ("since last", 1, None)
        listed = stored_verification(connection, newest.id).listed
        assert listed is not None
        assert listed[0]["stored"] == "Gold"
        assert all(each.completed_at is not None for each in rounds(connection, [each.key for each in BUILT_IN]))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_repair_killed_anywhere_is_done_or_not_done(ledger: LedgerScenario, moment: Moment) -> None:
    def work() -> None:
        repair(
            ledger.database,
            members,
            verify(ledger.database, members, catalogue=CATALOGUE),
            reason="a test",
            catalogue=CATALOGUE,
            by="ada",
        )

    for exchange in points(1_000, moment=moment, apart=23):
        alter(ledger, "update temple_member_status set patreon_tier = 'Gold' where user_id = 'm03'")
        killed = run_killed(work, at=exchange, moment=moment)
        verified = verify(ledger.database, members, catalogue=CATALOGUE)
        assert verified.drifts in (0, 1)
        assert not verified.miscounted
        if not killed:
            assert verified.ok
            break
    work()
    ledger.then_verified()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_reconciliation_killed_anywhere_leaves_it_to_the_next_one(ledger: LedgerScenario, moment: Moment) -> None:
    def ritual() -> None:
        reconcile(ledger.database, BUILT_IN, budget_seconds=60, catalogue=CATALOGUE, by="ada")

    ritual()
    for exchange in points(1_000, moment=moment, apart=29):
        alter(ledger, "update temple_member_status set patreon_tier = 'Gold' where user_id in ('m03', 'm21')")
        alter(ledger, "update webhook_activity_hourly set events = events + 5 where event_type = 'discord_join'")
        killed = run_killed(ritual, at=exchange, moment=moment)
        found = [verify(ledger.database, projection, catalogue=CATALOGUE) for projection in BUILT_IN]
        assert not any(verified.miscounted or verified.ahead for verified in found)
        if not killed:
            assert all(verified.ok for verified in found)
            break
    ritual()
    ledger.then_verified()


def test_details_that_can_not_be_written_are_said_and_stop_nothing(ledger: LedgerScenario, tmp_path: Path) -> None:
    alter(ledger, "update temple_member_status set patreon_tier = 'Gold' where user_id = 'm03'")
    (tmp_path / "file").touch()
    result = reconcile(
        ledger.database, BUILT_IN, details=tmp_path / "file" / "details.jsonl", catalogue=CATALOGUE, by="ada"
    )
    assert result.left == 0
    assert any("could not be written" in sentence for sentence in result.sentences)
    ledger.then_verified()


def test_a_batch_after_a_checkpoint_set_back_does_not_accuse_the_log(ledger: LedgerScenario) -> None:
    alter(ledger, "update projection_checkpoint set position = 30 where projection = 'members'")
    ledger.given(role_added("m07", "Seeker", at(3)))
    ledger.catch_up()
    verified = verify(ledger.database, members, catalogue=CATALOGUE)
    assert verified.miscounted
    assert repair(ledger.database, members, verified, reason="a test", catalogue=CATALOGUE, by="ada").altered == []
    ledger.then_verified()


@pytest.mark.parametrize("verifying", [partial(verify, catalogue=CATALOGUE), since_last])
def test_a_person_can_interrupt_a_verify(ledger: LedgerScenario, verifying: Callable[..., object]) -> None:
    assert isinstance(raised_by(lambda: verifying(ledger.database, interrupted_at("m07"))), KeyboardInterrupt)
    ledger.then_verified()
