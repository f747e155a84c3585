"""Tables are never made from a log that was changed, unless somebody who has looked says so."""

from collections.abc import Mapping

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.operations import Parked, parked, retry
from temple_ledger.infrastructure.read_models.trigger_mode import enable
from temple_ledger.infrastructure.read_models.verification.reconcile import Reconciled, reconcile
from temple_ledger.infrastructure.seals.accept import accept_range
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.fold import FailureKind
from temple_ledger.projections.members import ROLES, members
from temple_ledger.projections.testing.histories import at, joined, role_added, role_removed
from tests.cli.conftest import Typed, environment, home, temple
from tests.queries.builders import altered
from tests.seals.builders import head_of, seal, sealed, tampered

__all__ = ["environment", "home", "temple"]

FORGE = "update webhook_audit_log set target = 'Oracle' where id = 5"
DELETE = "delete from webhook_audit_log where id = 4"
"""Ada's first role: her other events lie in other ranges."""

EDIT = "update discord_user_current_roles set role = 'Oracle' where user_id = 'bo' and role = 'role 1'"


def reconciled(database: Database, **settings: float) -> Reconciled:
    return reconcile(database, [members], by="test", catalogue=CATALOGUE, full=True, **settings)  # type: ignore[arg-type]


def roles(ledger: LedgerScenario, user_id: str) -> list[str]:
    return [str(row[0]) for row in ledger.rows(members, ROLES.name, user_id)]


def failures(database: Database) -> Mapping[str, Parked]:
    with database.connect(DatabaseRole.READ) as connection:
        return {each.user_id: each for each in parked(connection, projection="members")}


@pytest.mark.parametrize("change", [FORGE, DELETE])
def test_reconcile_changes_nothing_when_the_log_was_changed(database: Database, change: str) -> None:
    ledger = sealed(database)
    before = {user_id: roles(ledger, user_id) for user_id in ("ada", "bo", "cy")}
    tampered(database, change)
    result = reconciled(database)
    assert (result.repaired, result.left > 0) == (0, True)
    assert result.log.startswith("the LOG was changed at position ")
    assert result.log_changed != []
    assert {user_id: roles(ledger, user_id) for user_id in before} == before


def test_reconcile_repairs_edited_tables_in_one_round_also_where_nothing_was_sealed_yet(database: Database) -> None:
    ledger = LedgerScenario(database)
    ledger.given(joined("bo"), role_added("bo", "role 1", at(1)))
    ledger.catch_up()
    altered(database, EDIT)
    result = reconciled(database)
    assert (result.repaired, result.left) == (1, 0)
    assert result.log == "proven up to position 2"
    assert roles(ledger, "bo") == ["role 1"]


def test_a_change_after_the_proof_is_not_repaired_from(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = sealed(database)
    tampered(database, FORGE)
    monkeypatch.setattr(
        "temple_ledger.infrastructure.read_models.verification.reconcile._is_proven", lambda *ignored: True
    )
    result = reconciled(database)
    assert result.repaired == 0
    assert "the LOG was changed at position 5" in " ".join(result.sentences)
    assert roles(ledger, "bo")[0] == "role 1"


def test_a_proof_that_does_not_fit_the_budget_goes_on_with_the_next_round(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temple_ledger.infrastructure.seals.proof.SEALS_AT_A_TIME", 2)
    sealed(database)
    altered(database, EDIT)
    first = reconciled(database, budget_seconds=0)
    assert first.repaired == 0
    assert "not repaired unasked before the whole log is proven" in " ".join(first.sentences)
    assert reconciled(database, budget_seconds=0).repaired == 1


def test_a_late_event_parks_a_member_whose_event_was_changed(database: Database) -> None:
    ledger = sealed(database)
    tampered(database, FORGE)
    before = roles(ledger, "bo")
    ledger.given(role_removed("bo", "role 2", at(1.5)), role_removed("cy", "role 2", at(1.5)))
    ledger.catch_up()
    found = failures(database)
    assert list(found) == ["bo"]
    assert found["bo"].kind == FailureKind.CHANGED
    assert "position 5 is not what was sealed" in found["bo"].error
    assert roles(ledger, "bo") == before
    assert roles(ledger, "cy") == ["role 1", "role 2", "role 3"]


def test_a_late_event_parks_a_member_of_whom_an_event_was_deleted(database: Database) -> None:
    ledger = sealed(database)
    tampered(database, DELETE)
    before = roles(ledger, "ada")
    ledger.given(role_removed("ada", "role 2", at(1.5)))
    ledger.catch_up()
    assert failures(database)["ada"].kind == FailureKind.CHANGED
    assert roles(ledger, "ada") == before


def test_a_late_event_heals_edited_rows_where_the_log_holds(database: Database) -> None:
    ledger = sealed(database)
    altered(database, EDIT)
    ledger.given(role_removed("bo", "role 9", at(0.5)))
    ledger.catch_up()
    assert failures(database) == {}
    assert roles(ledger, "bo") == ["role 1", "role 2", "role 3"]


def test_an_event_in_order_parks_nobody(database: Database) -> None:
    """It adds to the rows that were right."""
    ledger = sealed(database)
    tampered(database, FORGE)
    ledger.given(role_added("bo", "role 4", at(9)))
    ledger.catch_up()
    assert failures(database) == {}
    assert "role 1" in roles(ledger, "bo")


def test_in_trigger_mode_a_late_event_parks_too(database: Database) -> None:
    ledger = sealed(database)
    enable(database, by="test", catalogue=CATALOGUE)
    tampered(database, FORGE)
    before = roles(ledger, "bo")
    ledger.given(role_removed("bo", "role 2", at(1.5)), role_removed("cy", "role 9", at(1.5)))
    assert {user_id: each.kind for user_id, each in failures(database).items()} == {"bo": FailureKind.CHANGED}
    assert roles(ledger, "bo") == before
    ledger.given(role_added("cy", "role 9", at(9)))
    assert "role 9" in roles(ledger, "cy")


def test_a_retry_parks_again_until_the_change_is_accepted(database: Database) -> None:
    ledger = sealed(database)
    tampered(database, FORGE)
    ledger.given(role_removed("bo", "role 9", at(0.5)))
    ledger.catch_up()
    failed = list(failures(database).values())
    again = retry(database, members, failed, by="test", catalogue=CATALOGUE)
    assert [each.kind for each in again] == [FailureKind.CHANGED]
    accept_range(database, 5, 5, by="test", reason="x")
    assert retry(database, members, list(failures(database).values()), by="test", catalogue=CATALOGUE) == []
    assert roles(ledger, "bo") == ["Oracle", "role 2", "role 3"]


BY_HAND = [
    ("repair", "members", "--apply"),
    ("replay", "members", "--apply"),
    ("trigger", "enable"),
]


@pytest.mark.parametrize("command", BY_HAND, ids=lambda command: command[0])
def test_by_hand_it_takes_a_flag_and_a_reason(temple: Typed, database: Database, command: tuple[str, ...]) -> None:
    ledger = sealed(database)
    tampered(database, FORGE)
    before = roles(ledger, "bo")
    refused = temple(*command, "--reason", "x")
    assert refused.code == 3
    assert "the LOG was changed at position 5; nothing was changed here" in refused.stderr
    assert roles(ledger, "bo") == before
    done = temple(*command, "--reason", "looked at it", "--from-changed-log")
    assert done.code == 0, done.stderr
    assert "from a changed log: looked at it" in temple("operations", "list").stdout


def test_the_flag_alone_is_a_mistake_in_typing(temple: Typed, database: Database) -> None:
    sealed(database)
    assert temple("replay", "--apply", "--from-changed-log").code == 2


def test_a_log_that_was_only_shortened_is_repaired_by_hand_without_the_flag(temple: Typed, database: Database) -> None:
    sealed(database)
    tampered(database, "delete from webhook_audit_log where id > 8")
    done = temple("repair", "--apply", "--reason", "restored the dump of Monday")
    assert done.code == 0, done.stderr
    assert "shortened to 8" in done.stderr
    assert temple("verify").code == 3
    assert temple("seal", "accept", "9-12", "--reason", "restored", "--apply").code == 0
    assert temple("verify").code == 0


def test_reconcile_prints_what_was_changed_and_ends_with_3(temple: Typed, database: Database) -> None:
    sealed(database)
    tampered(database, FORGE)
    ended = temple("reconcile", "--full")
    assert ended.code == 3
    assert "the LOG was changed at position 5: nothing is repaired unasked" in ended.stdout
    assert "  the event at position 5 is not what was sealed" in ended.stdout
    assert temple("reconcile", "--json").data["log_changed"] == ["the event at position 5 is not what was sealed"]


def test_a_log_restored_to_an_earlier_point_gives_no_sealed_position_again(temple: Typed, database: Database) -> None:
    ledger = sealed(database)
    tampered(
        database,
        "delete from webhook_audit_log where id > 8",
        "select setval('webhook_audit_log_id_seq', 8)",
        "update projection_checkpoint set position = 8, passed = 8",
        "delete from projection_batch where last_position > 8",
        "update projection_frontier set position = 8 where position > 8",
    )
    assert temple("repair", "--apply", "--reason", "restored").code in (0, 3)
    (position,) = ledger.given(joined("di"))
    assert position == 13
    seal(database)
    assert head_of(database).position == 13
    assert BUILT_IN


def test_status_says_that_the_log_was_changed(temple: Typed, database: Database) -> None:
    sealed(database)
    assert "seals     sealed up to 12 of 12; never compared with the log" in temple("status").stdout
    tampered(database, FORGE)
    temple("seal", "verify")
    shown = temple("status").stdout
    assert "compared up to 12" in shown
    assert "the log is not what was sealed: 1 finding of the latest proof" in shown


def test_a_proof_of_nothing_is_no_comparison(temple: Typed, database: Database) -> None:
    LedgerScenario(database).given(joined("ada"))
    assert "nothing is sealed yet" in temple("verify", "--full").stdout
    assert "seals     sealed up to 0 of 1; never compared with the log" in temple("status").stdout


def test_a_reconciliation_seals_what_is_settled_also_where_nothing_is_to_be_repaired(database: Database) -> None:
    ledger = LedgerScenario(database)
    ledger.given(joined("bo"))
    ledger.catch_up()
    assert reconciled(database).log == "proven up to position 1"
