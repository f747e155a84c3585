"""What is left out of the log, and what was erased from it, is part of the chain."""

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.operations import parked, skip
from temple_ledger.infrastructure.read_models.retraction import Selection, reinstate, retract
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.seals.accept import accept_range
from temple_ledger.infrastructure.seals.status import seal_status
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.erasure.builders import MODERATOR, OTHER, PERSON, ROLE, erased, found_in
from tests.queries.builders import unfoldable
from tests.seals.builders import PLANTED_RETRACTION, PLANTED_SKIP, executed, found, proof, seal, sealed, tampered


def left_out(database: Database) -> PositionSet:
    with database.connect(DatabaseRole.PROJECT) as connection:
        return read_exceptions(connection, members.key).left_out


def with_a_skip(database: Database) -> LedgerScenario:
    """Ada's event at position 2 cannot be folded, and is skipped."""
    ledger = LedgerScenario(database)
    ledger.given(joined("ada"))
    unfoldable(database, "ada", at(1))
    ledger.given(joined("bo"))
    ledger.catch_up()
    return ledger


def skipped(database: Database) -> None:
    with database.connect(DatabaseRole.READ) as connection:
        (failure,) = parked(connection, projection="members")
    skip(database, members, failure, by="test", reason="no event", catalogue=CATALOGUE)


@pytest.mark.parametrize("sealed_first", [True, False])
def test_a_skip_is_an_entry_or_taken_over(database: Database, sealed_first: bool) -> None:
    with_a_skip(database)
    if sealed_first:
        seal(database)
    skipped(database)
    seal(database)
    assert found(database) == []
    assert 2 in left_out(database)
    with database.connect(DatabaseRole.READ) as connection:
        status = seal_status(connection)
    assert (status.entries, status.taken_over) == (1, 0 if sealed_first else 1)


def test_a_skip_that_was_removed_is_named_and_stays_in_force(database: Database) -> None:
    with_a_skip(database)
    seal(database)
    skipped(database)
    executed(database, "delete from skipped_position")
    assert found(database) == [("skip removed", 2, 2)]
    assert 2 in left_out(database)


def test_a_planted_skip_is_not_folded(database: Database) -> None:
    sealed(database)
    executed(database, PLANTED_SKIP)
    assert 5 not in left_out(database)
    assert verify(database, members, catalogue=CATALOGUE).ok


def test_a_retraction_and_its_way_back_are_entries(database: Database) -> None:
    sealed(database)
    chosen = Selection(positions=PositionSet([(4, 8)]))
    retract(database, chosen, BUILT_IN, CATALOGUE, reason="x", by="test")
    assert found(database) == []
    assert left_out(database) == PositionSet([(4, 8)])
    reinstate(database, Selection(positions=PositionSet([(5, 5)])), BUILT_IN, CATALOGUE, by="test")
    assert found(database) == []
    assert left_out(database) == PositionSet([(4, 4), (6, 8)])


def test_a_retraction_that_was_removed_or_widened_is_named(database: Database) -> None:
    sealed(database)
    retract(database, Selection(positions=PositionSet([(4, 6)])), BUILT_IN, CATALOGUE, reason="x", by="test")
    executed(database, "update retracted_range set first_position = 5, last_position = 8")
    assert sorted(found(database)) == [("retraction planted", 7, 8), ("retraction removed", 4, 4)]
    assert left_out(database) == PositionSet([(4, 6)])


def test_a_journal_row_that_is_another_one_is_named(database: Database) -> None:
    sealed(database)
    retract(database, Selection(positions=PositionSet([(4, 6)])), BUILT_IN, CATALOGUE, reason="x", by="test")
    executed(database, "update log_retraction set retracted_at = retracted_at - interval '1 day'")
    assert found(database) == [("journal", 4, 6)]


def with_a_person(database: Database) -> LedgerScenario:
    ledger = LedgerScenario(database)
    ledger.given(joined(PERSON), joined(OTHER), role_added(PERSON, ROLE, at(1), by=MODERATOR))
    ledger.given(role_added(OTHER, ROLE, at(2), by=PERSON), joined(MODERATOR))
    ledger.catch_up()
    seal(database)
    return ledger


def test_every_seal_verifies_after_a_person_was_erased(database: Database) -> None:
    ledger = with_a_person(database)
    erased(database)
    assert found(database) == []
    assert found_in(database, PERSON) == set()
    # and after another one, who stands in the same events
    erased(database, MODERATOR)
    assert found(database) == []
    ledger.given(joined("di"))
    seal(database)
    assert proof(database).sentence == "proven up to position 6"


def test_the_keys_of_an_erased_persons_seals_are_gone(database: Database) -> None:
    """Nobody can try ids against a leaf that is left."""
    with_a_person(database)
    erased(database)
    with database.connect(DatabaseRole.SEAL) as connection:
        keys = connection.execute("select number, key is null, closed::text from seal_key order by number").fetchall()
    opened = [number for number, is_gone, _ in keys if is_gone]
    assert opened[:2] == [1, 2]
    assert [closed for _, is_gone, closed in keys[:2]] == ["{[1,2),[3,4)}", "{[4,5)}"]
    # the leaves after it are salted with the key of the entry
    assert not keys[-1][1]


@pytest.mark.parametrize(
    "change",
    [
        "update webhook_audit_log set user_id = '1141786282152368982' where id = 1",
        "update webhook_audit_log set metadata = null where id = 3",
        "update webhook_audit_log set event_id = gen_random_uuid() where id = 3",
    ],
)
def test_an_erased_row_that_was_filled_again_is_named(database: Database, change: str) -> None:
    with_a_person(database)
    erased(database)
    tampered(database, change)
    place = 1 if "id = 1" in change else 3
    assert found(database) == [("changed", place, place)]


def test_a_row_beside_an_erased_one_is_still_proven(database: Database) -> None:
    with_a_person(database)
    erased(database)
    tampered(database, "update webhook_audit_log set source = 'y' where id = 2")
    assert found(database) == [("changed", 2, 2)]


def test_a_row_that_was_changed_before_it_was_erased_is_named(database: Database) -> None:
    with_a_person(database)
    tampered(database, "update webhook_audit_log set source = 'y' where id = 3")
    erased(database)
    assert ("changed", 3, 3) in found(database)


@pytest.mark.parametrize(
    "change",
    [
        "update webhook_audit_log set source = 'y' where id = 5",
        "delete from webhook_audit_log where id = 5",
        "delete from webhook_audit_log where id > 8",
        "delete from seal_key where number = 2",
        "update log_seal set sealed_at = now() where number = 2",
        PLANTED_SKIP,
        PLANTED_RETRACTION,
    ],
)
def test_what_was_accepted_counts_and_is_never_plainly_proven(database: Database, change: str) -> None:
    sealed(database)
    tampered(database, change)
    assert found(database) != []
    accept_range(database, 1, 12, by="test", reason="restored by hand")
    assert found(database) == []
    accepted = proof(database)
    assert accepted.holds
    assert ", but for " in accepted.sentence
    # and is sealed as it stands
    tampered(database, "update webhook_audit_log set source = 'z' where id = 2")
    assert ("changed", 2, 2) in found(database)


def test_an_accepted_row_that_is_changed_again_is_named_again(database: Database) -> None:
    sealed(database)
    tampered(database, "update webhook_audit_log set source = 'y' where id = 5")
    accept_range(database, 5, 5, by="test", reason="x")
    tampered(database, "update webhook_audit_log set source = 'z' where id = 5")
    assert found(database) == [("changed", 5, 5)]


def test_only_the_range_that_was_named_is_accepted(database: Database) -> None:
    sealed(database)
    tampered(database, "update webhook_audit_log set source = 'y' where id in (2, 5)")
    assert accept_range(database, 4, 12, by="test", reason="x") == 1
    assert found(database) == [("changed", 2, 2)]
