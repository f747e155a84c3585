"""Whatever a superuser changes in a sealed log is named: what it is, and where."""

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.seals.accept import accept_range
from temple_ledger.infrastructure.seals.proof import prove
from temple_ledger.projections.testing.histories import joined
from tests.seals.builders import (
    PLANTED_RETRACTION,
    PLANTED_SKIP,
    executed,
    found,
    head_of,
    proof,
    seal,
    sealed,
    tampered,
)

SWAP = """update webhook_audit_log as log set timestamp = other.timestamp
from webhook_audit_log as other where (log.id, other.id) in ((4, 8), (8, 4))"""
DELETE_AND_FORGE = """with gone as (delete from webhook_audit_log where id = 5 returning *)
insert into webhook_audit_log overriding system value
select id, event_id, timestamp, event_type, user_id, action, 'forged', metadata, source, recorded_at from gone"""
REFUSES_NOTHING = """create or replace function refuse_to_change_the_log() returns trigger language plpgsql
as 'begin return null; end'"""
OTHER_FUNCTION = """
create function let_it_be() returns trigger language plpgsql as 'begin return null; end';
drop trigger webhook_audit_log_is_append_only on webhook_audit_log;
create trigger webhook_audit_log_is_append_only before delete or update or truncate on webhook_audit_log
    for each statement execute function let_it_be();
alter table webhook_audit_log enable always trigger webhook_audit_log_is_append_only"""
INSERT = """insert into webhook_audit_log (id, event_id, timestamp, event_type, user_id, action, source, recorded_at)
overriding system value values ({id}, gen_random_uuid(), now(), 'discord_join', 'eve', 'joined', 'x', {recorded_at})"""


def test_a_log_that_nobody_changed_is_proven(database: Database) -> None:
    sealed(database)
    assert found(database) == []
    assert proof(database).sentence == "proven up to position 12"


@pytest.mark.parametrize(
    ("change", "kind", "first", "last"),
    [
        ("update webhook_audit_log set recorded_at = recorded_at + interval '1 us' where id = 5", "changed", 5, 5),
        ("update webhook_audit_log set timestamp = timestamp - interval '1 day' where id = 5", "changed", 5, 5),
        ("update webhook_audit_log set source = 'y' where id = 5", "changed", 5, 5),
        ("update webhook_audit_log set metadata = metadata || '{\"a\": 1}' where id = 5", "changed", 5, 5),
        ("update webhook_audit_log set metadata = null where id = 5", "changed", 5, 5),
        ("update webhook_audit_log set event_id = gen_random_uuid() where id = 5", "changed", 5, 5),
        ("update webhook_audit_log set user_id = 'eve' where id = 5", "changed", 5, 5),
        ("update webhook_audit_log set target = null where id = 5", "changed", 5, 5),
        ("update webhook_audit_log set target = '' where id = 5", "changed", 5, 5),
        ("update webhook_audit_log set event_type = 'x' where id = 5", "changed", 5, 5),
        ("update webhook_audit_log set action = 'removed' where id = 5", "changed", 5, 5),
        ("delete from webhook_audit_log where id = 5", "deleted", 5, 5),
        ("delete from webhook_audit_log where id between 5 and 8", "deleted", 5, 8),
        (DELETE_AND_FORGE, "changed", 5, 5),
        ("delete from seal_key where number = 2", "key", 4, 6),
        ("update seal_key set key = sha256('') where number = 2", "changed", 4, 6),
        ("update seal_key set key = null, opened = repeat('x', 96)::bytea where number = 2", "changed", 4, 6),
        ("update seal_key set key = null, opened = repeat('x', 96)::bytea, closed = '{[4,7)}' where number = 2",
            "changed", 4, 6),
        ("update log_seal set leaves = leaves || 'x' where number = 2", "seal", 4, 6),
        ("update log_seal set digest = sha256('') where number = 2", "seal", 4, 6),
        ("update log_seal set hash = sha256('') where number = 2", "seal", 4, 6),
        ("update log_seal set sealed_at = now() where number = 2", "seal", 4, 6),
        (PLANTED_SKIP, "skip planted", 5, 5),
        (PLANTED_RETRACTION, "retraction planted", 4, 6),
    ],
)  # fmt: skip
def test_a_change_is_named_with_its_place(database: Database, change: str, kind: str, first: int, last: int) -> None:
    sealed(database)
    tampered(database, change)
    assert (kind, first, last) in found(database)


def test_a_seal_that_was_made_anew_is_not_the_one_that_the_next_was_chained_to(database: Database) -> None:
    sealed(database)
    tampered(
        database,
        "update webhook_audit_log set source = 'y' where id = 5",
        """update log_seal as made
        set leaves = anew.leaves, digest = anew.digest
        from (
            select
                string_agg(substr(leaf, 1, 8), '' order by id) as leaves,
                sha256(string_agg(leaf, '' order by id)) as digest
            from (
                select log.id, log_leaf(seal_salt(key, log.id), log) as leaf
                from webhook_audit_log as log
                join seal_key on number = 2
                where log.id between 4 and 6
            ) as each
        ) as anew
        where made.number = 2""",
        "update log_seal as made set hash = seal_hash(made, before.hash) from log_seal as before "
        "where made.number = 2 and before.number = 1",
    )
    # the row agrees with its seal, and the seal with itself
    assert found(database) == [("seal", 7, 9)]


def test_two_timestamps_that_were_swapped_are_both_named(database: Database) -> None:
    sealed(database)
    tampered(database, SWAP)
    assert found(database) == [("changed", 4, 4), ("changed", 8, 8)]


def test_a_row_put_into_a_gap_is_named(database: Database) -> None:
    ledger = sealed(database)
    tampered(database, "select setval('webhook_audit_log_id_seq', 13)")
    ledger.given(joined("di"))
    seal(database)
    assert found(database) == []
    tampered(database, INSERT.format(id=13, recorded_at="now()"))
    assert found(database) == [("added", 13, 13)]


def test_a_row_below_the_first_position_is_named(database: Database) -> None:
    """Folds read it, and no range begins before the first position."""
    sealed(database)
    for position in (-3, -2, 0):
        tampered(database, INSERT.format(id=position, recorded_at="'2020-01-01'"))
    assert found(database) == [("added", -3, -2), ("added", 0, 0)]


def test_a_log_of_which_readers_do_not_see_all_is_not_proven(database: Database) -> None:
    """Seals are compared as the owner, whom row security passes over; tables are made by readers."""
    sealed(database)
    executed(database, "alter table webhook_audit_log enable row level security")
    assert found(database) == [("hidden", None, None)]
    assert not proof(database).holds


def test_a_proof_that_is_said_to_have_come_to_the_end_begins_anew(database: Database) -> None:
    sealed(database)
    tampered(
        database, "update webhook_audit_log set source = 'y' where id = 5", "update seal_proof set next_number = 5"
    )
    assert [(each.kind, each.first) for each in prove(database).findings] == [("changed", 5)]


def test_a_row_above_the_seals_that_says_it_is_older_is_named_before_and_after_it_is_sealed(database: Database) -> None:
    sealed(database)
    tampered(
        database,
        INSERT.format(id=13, recorded_at="(select max(sealed_at) - interval '1 minute' from log_seal)"),
    )
    assert found(database) == [("backdated", 13, 13)]
    seal(database)
    assert found(database) == [("backdated", 13, 13)]


def test_a_transaction_that_was_open_while_the_log_was_sealed_is_not_taken_for_backdated(database: Database) -> None:
    ledger = sealed(database)
    # its number was drawn before the seal, so it may have been recorded before it
    tampered(database, "select setval('webhook_audit_log_id_seq', 20)")
    ledger.given(joined("di"))
    seal(database)
    tampered(
        database,
        INSERT.format(id=22, recorded_at="clock_timestamp() - interval '1 second'"),
    )
    assert found(database) == []


@pytest.mark.parametrize(
    "change",
    [
        "alter table webhook_audit_log disable trigger webhook_audit_log_is_append_only",
        # on again, but not for who replicates
        "alter table webhook_audit_log enable trigger webhook_audit_log_is_append_only",
        "drop trigger webhook_audit_log_is_append_only on webhook_audit_log",
        # there, and refuses nothing
        REFUSES_NOTHING,
        OTHER_FUNCTION,
    ],
)
def test_a_trigger_that_does_not_always_fire_or_does_something_else_is_named(database: Database, change: str) -> None:
    sealed(database)
    executed(database, change)
    assert found(database) == [("trigger webhook_audit_log_is_append_only", None, None)]
    # which by itself has changed nothing
    assert proof(database).holds
    assert proof(database).sentence == "proven up to position 12; it is not append-only now"


def test_a_trigger_that_was_off_for_a_moment_shows_by_what_was_changed(database: Database) -> None:
    sealed(database)
    tampered(database, "update webhook_audit_log set source = 'y' where id in (1, 12)")
    assert found(database) == [("changed", 1, 1), ("changed", 12, 12)]


def test_a_tail_that_was_cut_off_with_the_checkpoints_set_back_is_a_shorter_log(database: Database) -> None:
    sealed(database)
    tampered(
        database,
        "delete from webhook_audit_log where id > 8",
        "update projection_checkpoint set position = 8, passed = 8",
    )
    cut = proof(database)
    assert [(each.kind, each.first, each.last) for each in cut.findings] == [("deleted", 9, 12)]
    assert cut.shortened_to == 8
    assert not cut.holds
    assert "shortened to 8" in cut.sentence


def test_a_log_that_lost_more_than_its_end_is_not_just_shorter(database: Database) -> None:
    sealed(database)
    tampered(database, "delete from webhook_audit_log where id > 8 or id = 2")
    assert proof(database).shortened_to is None


def test_an_older_dump_shows_by_the_head_that_was_noted_outside(database: Database) -> None:
    """Log, seals, keys and tables are all from then, and agree with each other."""
    ledger = sealed(database)
    ledger.given(joined("di"))
    seal(database)
    head = head_of(database)
    assert proof(database, heads=[head]).holds
    tampered(
        database,
        "delete from seal_key where number > 4",
        "delete from log_seal where number > 4",
        "delete from webhook_audit_log where id > 12",
    )
    assert proof(database).holds
    older = proof(database, heads=[head])
    assert [(each.kind, each.seal) for each in older.findings] == [("head", 5)]
    assert older.shortened_to == 12
    # what is lost is accepted, and the head outside is not held against the chain any more
    accept_range(database, 13, 13, by="test", reason="restored the dump of Monday")
    assert proof(database, heads=[head]).holds
    assert ", but for what was accepted on" in proof(database, heads=[head]).sentence


@pytest.mark.parametrize("kept", [0, 2])
def test_a_chain_that_was_cut_beside_a_whole_log_proves_nothing_of_what_it_had_sealed(
    database: Database, kept: int
) -> None:
    """That is no log that was shortened, from which a repair by hand would go on unasked."""
    sealed(database)
    head = head_of(database)
    tampered(
        database,
        "update webhook_audit_log set source = 'forged' where id = 11",
        f"delete from seal_key where number > {kept}",
        f"delete from log_seal where number > {kept}",
    )
    cut = proof(database, heads=[head])
    assert [(each.kind, each.first, each.last) for each in cut.findings] == [
        ("head", None, None),
        ("beyond", 3 * kept + 1, 12),
    ]
    assert cut.shortened_to is None


def test_a_chain_that_was_made_anew_over_a_changed_log_shows_by_the_head(database: Database) -> None:
    sealed(database)
    head = head_of(database)
    tampered(
        database,
        "update webhook_audit_log set source = 'forged' where id = 5",
        "delete from seal_key",
        "delete from log_seal",
    )
    seal(database)
    assert proof(database).holds
    assert [each.kind for each in proof(database, heads=[head]).findings] == ["head"]


def test_rows_and_tables_changed_together_are_named(database: Database) -> None:
    sealed(database)
    tampered(
        database,
        "update webhook_audit_log set target = 'Oracle' where id = 5",
        "update discord_user_current_roles set role = 'Oracle' where user_id = 'bo' and role = 'role 1'",
    )
    assert found(database) == [("changed", 5, 5)]
