"""An erased person is nowhere, everybody else is as before, and the tables are the fold of the log."""

from uuid import uuid4

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused, UnknownName
from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.processes.personal_tables import personal_tables
from temple_ledger.infrastructure.read_models.erasure.erase import erase
from temple_ledger.infrastructure.read_models.erasure.person import PersonalTables
from temple_ledger.infrastructure.read_models.erasure.preview import preview_erasure
from temple_ledger.infrastructure.read_models.operations import parked, skip
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.infrastructure.read_models.retraction import Selection, retract
from temple_ledger.infrastructure.read_models.trigger_mode import enable
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined, left, role_added
from tests.erasure.builders import MODERATOR, OTHER, PERSON, ROLE, erased, found_in, guessed, line
from tests.killed import Moment, run_killed
from tests.queries.builders import unfoldable

GUILD = [PERSON, OTHER, MODERATOR]


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database)


def log(database: Database, columns: str) -> list[tuple[object, ...]]:
    with database.connect(DatabaseRole.READ) as connection:
        return connection.execute(f"select {columns} from webhook_audit_log order by id".encode()).fetchall()


def test_the_history_stays_under_a_pseudonym(ledger: LedgerScenario) -> None:
    ledger.given(joined(PERSON), role_added(PERSON, ROLE, at(1), by=MODERATOR), left(PERSON, at(2)), joined(OTHER))
    ledger.catch_up()
    before = log(ledger.database, "id, timestamp, event_type, action, target, source, recorded_at")
    erased(ledger.database)
    assert log(ledger.database, "id, timestamp, event_type, action, target, source, recorded_at") == before
    owners = {owner for (owner,) in log(ledger.database, "user_id")}
    (pseudonym,) = owners - {OTHER}
    assert isinstance(pseudonym, str)
    assert pseudonym.startswith("erased:")
    ledger.then_status(PERSON, None)
    ledger.then_status(pseudonym, "departed")
    ledger.then_status(OTHER, "active")
    assert found_in(ledger.database, PERSON) == set()


def test_an_actor_is_replaced_in_the_events_of_others_and_in_their_rows(ledger: LedgerScenario) -> None:
    ledger.given(joined(OTHER), role_added(OTHER, ROLE, at(1), by=PERSON), left(MODERATOR, at(2), by=PERSON))
    ledger.catch_up()
    erased(ledger.database)
    ledger.then_roles(OTHER, [ROLE])
    assert found_in(ledger.database, PERSON) == set()
    assert found_in(ledger.database, "erased:") == {"webhook_audit_log", "discord_user_current_roles", "role_periods"}


def test_nobody_finds_the_id_by_trying_all_ids(ledger: LedgerScenario) -> None:
    grant = line(OTHER, "added", at(2), ROLE, granted_by=PERSON)
    ledger.append(
        [
            line(PERSON, "joined", at(0)),
            line(PERSON, "added", at(1), ROLE, granted_by=MODERATOR),
            grant,
            line(OTHER, "written", at(3), PERSON, answers=[{"to": PERSON, "about": str(grant.event_id)}]),
            line(MODERATOR, "written", at(4), None, attributes=str(grant.event_id)),
        ]
    )
    ledger.catch_up()
    assert guessed(ledger.database, GUILD) == set(GUILD)
    erased(ledger.database)
    assert guessed(ledger.database, GUILD) == {OTHER, MODERATOR}
    assert found_in(ledger.database, str(grant.event_id)) == set()


def test_what_referred_to_an_event_refers_to_it_still(ledger: LedgerScenario) -> None:
    first = line(PERSON, "added", at(1), ROLE)
    second = line(PERSON, "added", at(1), ROLE, granted_by=MODERATOR, attributes=str(first.event_id))
    third = line(OTHER, "written", at(2), None, about=str(second.event_id))
    fourth = line(MODERATOR, "written", at(3), None, about=str(third.event_id))
    ledger.append([fourth, third, second, first])
    ledger.catch_up()
    erased(ledger.database)
    ids = [event_id for (event_id,) in log(ledger.database, "event_id")]
    references = log(ledger.database, "coalesce(metadata ->> 'attributes', metadata ->> 'about')::uuid")
    assert [about for (about,) in references] == [ids[1], ids[2], ids[3], None]
    assert not set(ids) & {first.event_id, second.event_id, third.event_id, fourth.event_id}


def test_only_what_is_the_id_is_replaced(ledger: LedgerScenario) -> None:
    ledger.append(
        [
            line("12345", "joined", at(0)),
            line("ada", "written", at(1), "x12345", text="by 12345, not by 123456 or patreon:12345", paid=12345),
            line("patreon:12345", "written", at(2)),
            line("ada", "written", at(3), None, **{"12345": [True, None, 1.5, "12345"]}),
        ]
    )
    erased(ledger.database, "12345")
    rows = log(ledger.database, "user_id, target, metadata")
    pseudonym = rows[0][0]
    assert rows[1:] == [
        ("ada", "x12345", {"text": f"by {pseudonym}, not by 123456 or patreon:12345", "paid": 12345}),
        ("patreon:12345", None, {}),
        ("ada", None, {pseudonym: [True, None, 1.5, pseudonym]}),
    ]


def test_the_id_is_replaced_within_the_elements_of_a_list_as_within_a_text(ledger: LedgerScenario) -> None:
    ledger.given(joined(PERSON))
    with ledger.database.connect(DatabaseRole.OWNER) as owner:
        owner.execute("create table noted (texts text[], other text[] not null default '{}')")
        owner.execute(
            "insert into noted (texts) values (%s), (%s), (null)",
            ([f"thanks to <@{PERSON}>", "and to others", None], ["of others"]),
        )
    tables = PersonalTables(columns={"noted": ()})
    erase(ledger.database, [PERSON], ledger.projections, CATALOGUE, tables, by="test", reason="asked us to")
    (pseudonym,) = (user_id for (user_id,) in log(ledger.database, "user_id"))
    with ledger.database.connect(DatabaseRole.OWNER) as owner:
        found = owner.execute("select texts from noted order by cardinality(texts) desc nulls last").fetchall()
    assert found == [([f"thanks to <@{pseudonym}>", "and to others", None],), (["of others"],), (None,)]


def test_parked_skipped_and_retracted_events_stay_so(ledger: LedgerScenario) -> None:
    ledger.given(joined(PERSON), joined(OTHER))
    skipped = unfoldable(ledger.database, PERSON, at(1))
    ledger.catch_up()
    with ledger.database.connect(DatabaseRole.READ) as connection:
        (failure,) = parked(connection, projection="members")
    skip(ledger.database, members, failure, by="test", reason="broken", catalogue=CATALOGUE)
    (retracted,) = ledger.given(role_added(PERSON, ROLE, at(2)))
    retract(ledger.database, Selection((), PositionSet.of([retracted])), BUILT_IN, CATALOGUE, reason="wrong", by="test")
    stays = unfoldable(ledger.database, PERSON, at(3))
    ledger.catch_up()
    erased(ledger.database)
    with ledger.database.connect(DatabaseRole.READ) as connection:
        found = parked(connection, projection="members")
        assert connection.execute("select position from skipped_position").fetchall() == [(skipped,)]
    assert [(each.position, each.user_id.startswith("erased:")) for each in found] == [(stays, True)]
    ledger.then_verified()
    assert found_in(ledger.database, PERSON) == set()


def test_the_trigger_keeps_the_tables_beside_an_erasure(ledger: LedgerScenario) -> None:
    ledger.given(joined(PERSON), role_added(OTHER, ROLE, at(1), by=PERSON))
    ledger.catch_up()
    enable(ledger.database, by="test", catalogue=CATALOGUE)
    ledger.given(role_added(PERSON, ROLE, at(2)))
    erased(ledger.database)
    ledger.then_status(PERSON, None)
    ledger.then_roles(OTHER, [ROLE])
    assert found_in(ledger.database, PERSON) == set()


def test_a_rebuild_that_began_before_does_not_bring_the_person_back(ledger: LedgerScenario) -> None:
    ledger.given(joined(PERSON), role_added(OTHER, ROLE, at(1), by=PERSON))
    ledger.catch_up()
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as replay:
        replay.fold()
        shown = replay.compare()
        erased(ledger.database)
        with pytest.raises(Refused, match="run the replay again"):
            replay.apply(shown, by="test")
        replay.clear()
    ledger.then_status(PERSON, None)


@pytest.mark.parametrize("statement", ["source = 'y'", "timestamp = now()", "recorded_at = now()", "action = 'x'"])
def test_nothing_but_the_person_can_be_changed_even_within_an_erasure(ledger: LedgerScenario, statement: str) -> None:
    ledger.given(joined(PERSON))
    with ledger.database.connect(DatabaseRole.OWNER) as owner, owner.transaction():
        owner.execute(
            "insert into erasure (words, pseudonyms, secret, working_in)"
            " values ('{x}', '{y}', '', pg_current_xact_id())"
        )
        with pytest.raises(psycopg.errors.RestrictViolation), owner.transaction():
            owner.execute(f"update webhook_audit_log set {statement}".encode())
        with pytest.raises(psycopg.errors.RestrictViolation), owner.transaction():
            owner.execute("delete from webhook_audit_log")


def test_the_exception_ends_with_the_function(ledger: LedgerScenario) -> None:
    ledger.given(joined(PERSON), joined(OTHER))
    with ledger.database.connect(DatabaseRole.OWNER) as owner, owner.transaction():
        row = owner.execute(
            "insert into erasure (words, pseudonyms, notes, secret) values (%s, '{gone}', '{}', '') returning id",
            ([PERSON],),
        ).fetchone()
        assert row is not None
        assert len(owner.execute("select * from erase_from_log(%s, '{1,2}')", row).fetchall()) == 1
        with pytest.raises(psycopg.errors.RestrictViolation), owner.transaction():
            owner.execute("update webhook_audit_log set user_id = 'y'")


@pytest.mark.parametrize("role", [DatabaseRole.APPEND, DatabaseRole.PROJECT, DatabaseRole.READ])
def test_only_the_owner_erases(database: Database, role: DatabaseRole) -> None:
    with database.connect(role) as connection:
        for call in ("erase_from_log(%s, '{1}')", "erase_from_inbox(%s, 0, 1)", "erase_from_table(%s, 'inbox', '{}')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select {call}".encode(), (uuid4(),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select words, secret from erasure")


@pytest.mark.parametrize("nobody", ["guild", "", "erased:1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"])
def test_what_is_no_person_is_refused(ledger: LedgerScenario, nobody: str) -> None:
    ledger.given(joined(PERSON))
    with pytest.raises(Refused):
        preview_erasure(ledger.database, nobody, BUILT_IN, personal_tables(), catalogue=CATALOGUE)


def test_of_whom_there_is_nothing_there_is_nothing_to_erase(ledger: LedgerScenario) -> None:
    ledger.given(joined(OTHER))
    with pytest.raises(UnknownName):
        preview_erasure(ledger.database, PERSON, BUILT_IN, personal_tables(), catalogue=CATALOGUE)


def test_a_reason_that_names_the_person_is_refused_before_anything_is_changed(ledger: LedgerScenario) -> None:
    ledger.given(joined(PERSON))
    with pytest.raises(Refused, match="names the person"):
        erased(ledger.database, reason=f"{PERSON} asked us to")
    assert log(ledger.database, "user_id") == [(PERSON,)]
    assert found_in(ledger.database, PERSON) == {"webhook_audit_log"}, "no erasure was begun"


EXCHANGES = (1, 3, 5, 8, 11, 14, 18, 23, 29, 36, 44, 60, 90)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_anywhere_it_goes_on_with_the_same_pseudonym(ledger: LedgerScenario, moment: Moment) -> None:
    grant = line(OTHER, "added", at(2), ROLE, granted_by=PERSON)
    ledger.append(
        [line(PERSON, "joined", at(0)), grant, line(MODERATOR, "written", at(4), None, about=str(grant.event_id))]
    )
    ledger.catch_up()
    ended = False
    for number in EXCHANGES:
        ended = not run_killed(lambda: _erase_in_child(ledger.database), at=number, moment=moment)
        ledger.then_verified()
        if ended:
            break
    if not ended:
        erased(ledger.database)
    ledger.then_verified()
    assert found_in(ledger.database, PERSON) == set()
    owners = {str(owner) for (owner,) in log(ledger.database, "user_id")} - {OTHER, MODERATOR}
    actors = {actor for (actor,) in log(ledger.database, "metadata ->> 'granted_by'")} - {None}
    assert owners == actors
    assert len(owners) == 1
    ids = [event_id for (event_id,) in log(ledger.database, "event_id")]
    assert log(ledger.database, "metadata ->> 'about'")[2] == (str(ids[1]),)


def _erase_in_child(database: Database) -> None:
    erased(database)


def test_of_an_erasure_that_is_finished_neither_ids_nor_secret_are_left(ledger: LedgerScenario) -> None:
    positions = ledger.given(joined(PERSON), joined(OTHER), left(PERSON, at(1)))
    erased(ledger.database)
    with ledger.database.connect(DatabaseRole.OWNER) as owner:
        assert owner.execute("select words, pseudonyms, secret, notes from erasure").fetchall() == [(None,) * 4]
        journal = owner.execute("select kind, reason, details from ledger_operation").fetchall()
    assert [(kind, reason) for kind, reason, _ in journal] == [("erase", "asked us to")]
    assert journal[0][2]["events"] == 2
    assert journal[0][2]["positions"] == f"{{[{positions[0]},{positions[0] + 1}),[{positions[2]},{positions[2] + 1})}}"
