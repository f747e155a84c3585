"""A log restored to an earlier point: checkpoints go back, what is known of lost positions is void, none is reused."""

from collections.abc import Callable

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import UnsafeLog
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.safety import require_safe_log
from temple_ledger.infrastructure.read_models.operations import parked, skip
from temple_ledger.infrastructure.read_models.rebuild.apply import Limit
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild, rebuild
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.reconcile import reconcile
from temple_ledger.infrastructure.read_models.verification.repair import repair
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined, left, role_added
from tests.cli.conftest import Typed
from tests.thorough import THOROUGH

LAST = 40
Mend = Callable[[LedgerScenario], None]


@pytest.fixture(params=[3, 1_000], ids=["small batches", "one batch"])
def ledger(request: pytest.FixtureRequest, database: Database) -> LedgerScenario:
    """Forty events of twenty members, folded; of the last two members one event is skipped and one parked."""
    ledger = LedgerScenario(database, batch=request.param)
    ledger.given(*(joined(f"m{number:02}", at(1)) for number in range(20)))
    ledger.given(*(role_added(f"m{number:02}", "Oracle", at(2), by="mod") for number in range(18)))
    with database.connect(DatabaseRole.OWNER) as owner:
        for member in ("m18", "m19"):
            owner.execute(
                "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source) "
                "values (gen_random_uuid(), now(), 'discord_role_change', %s, 'added', 'x')",
                (member,),
            )
    ledger.catch_up()
    with database.connect(DatabaseRole.READ) as connection:
        skipped, _ = (each for each in parked(connection, projection="members"))
    skip(database, members, skipped, by="ada", reason="a test", catalogue=CATALOGUE)
    ledger.then_verified()
    return ledger


def cut(ledger: LedgerScenario, after: int, *, sequence: bool) -> None:
    """What a restore of the log alone leaves, with its sequence or without."""
    with ledger.database.connect(DatabaseRole.LOGIN) as admin:
        admin.execute("alter table webhook_audit_log disable trigger webhook_audit_log_is_append_only")
        admin.execute("delete from webhook_audit_log where id > %s", (after,))
        admin.execute("alter table webhook_audit_log enable always trigger webhook_audit_log_is_append_only")
        if sequence:
            admin.execute("select setval('webhook_audit_log_id_seq', %s)", (max(1, after),))


def repaired(ledger: LedgerScenario) -> None:
    for projection in BUILT_IN:
        found = verify(ledger.database, projection, catalogue=CATALOGUE)
        repair(ledger.database, projection, found, by="ada", reason="a test", catalogue=CATALOGUE)


def replayed(ledger: LedgerScenario) -> None:
    for projection in BUILT_IN:
        rebuild(ledger.database, projection, limit=Limit(None), by="ada", reason="a test", catalogue=CATALOGUE)


@pytest.mark.parametrize("sequence", [True, False], ids=["sequence too", "log alone"])
@pytest.mark.parametrize("after", [0, 7, 20, 37, 39] if THOROUGH else [0, 20, 39])
@pytest.mark.parametrize("mend", [repaired, replayed])
def test_it_is_set_back_and_the_next_event_is_folded(
    ledger: LedgerScenario, mend: Mend, after: int, sequence: bool
) -> None:
    cut(ledger, after, sequence=sequence)
    assert all(verify(ledger.database, each, catalogue=CATALOGUE).ahead for each in BUILT_IN)
    mend(ledger)
    ledger.then_verified()
    assert ledger.given(left("m03", at(3))) == [LAST + 1]
    ledger.catch_up()
    ledger.then_verified()
    ledger.then_status("m03", "departed")
    with ledger.database.connect(DatabaseRole.READ) as connection:
        known = connection.execute(
            "select max(position) from (select position from projection_failure union all "
            "select position from skipped_position union all select last_position from projection_batch) as known "
            "where position <= %s",
            (LAST,),
        ).fetchone()
    assert known is not None
    assert (known[0] or 0) <= after


@pytest.mark.parametrize("mend", [repaired, replayed])
def test_counts_of_batches_are_those_of_the_log_afterwards(ledger: LedgerScenario, mend: Mend) -> None:
    cut(ledger, 25, sequence=True)
    mend(ledger)
    ledger.given(left("m03", at(3)), left("m04", at(3)))
    ledger.catch_up()
    with ledger.database.connect(DatabaseRole.READ) as connection:
        for projection in BUILT_IN:
            counted = connection.execute(
                "select sum(events) from projection_batch where projection = %s", (projection.name,)
            ).fetchone()
            assert counted == (27,)


def test_a_sequence_below_what_was_folded_is_no_safe_log(ledger: LedgerScenario) -> None:
    cut(ledger, 25, sequence=True)
    with ledger.database.connect(DatabaseRole.PROJECT) as connection, pytest.raises(UnsafeLog, match="temple repair"):
        require_safe_log(connection)


def test_a_reconciliation_leaves_it_to_somebody(ledger: LedgerScenario) -> None:
    cut(ledger, 39, sequence=True)
    result = reconcile(ledger.database, BUILT_IN, repair_below=1_000, by="ada", catalogue=CATALOGUE)
    assert result.repaired == 0
    assert "members stands at position 40, beyond the end of the log" in result.sentences[0]


def test_a_replay_begun_before_the_restore_begins_anew(ledger: LedgerScenario) -> None:
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as begun:
        begun.fold()
    cut(ledger, 25, sequence=True)
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as again:
        assert (again.resumed, again.position) == (False, 25)


def test_status_doctor_and_repair_say_it(ledger: LedgerScenario, temple: Typed) -> None:
    cut(ledger, 37, sequence=True)
    said = "stands at position 40, beyond the end of the log at 37"
    assert said in temple("status").stdout
    assert said in temple("doctor").stdout
    ended = temple("repair", "--apply", "--reason", "a test")
    assert (ended.code, "the next event gets 41" in ended.stderr) == (0, True)
    assert "members: 1 member put right" in ended.stdout
    assert "its checkpoint set back from 40 to 37, the end of the log" in ended.stdout
    assert "1 failure of events that the log lost voided, 1 skip of events that the log lost voided" in ended.stdout
    assert said not in temple("status").stdout
