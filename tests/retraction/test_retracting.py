"""Retraction belongs to the log: exactly an import's positions, or named ones, left out of everything computed."""

import io
import threading
from typing import Any

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused, UnknownName
from temple_ledger.domain.event import UnknownEvent
from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.eventsourcing_adapter.mapper import EventMapper
from temple_ledger.infrastructure.eventsourcing_adapter.recorder import LogRecorder
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.export import Selection as Exported
from temple_ledger.infrastructure.log.export import exported_lines
from temple_ledger.infrastructure.log.import_lines import Imported, import_lines
from temple_ledger.infrastructure.log.retracted import retracted_positions
from temple_ledger.infrastructure.queries.imports import imports
from temple_ledger.infrastructure.queries.role_directory import read_directory
from temple_ledger.infrastructure.read_models.operations import parked
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.infrastructure.read_models.retraction import (
    RetractionImpact,
    Selection,
    preview_retraction,
    reinstate,
    retract,
)
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.drift import Drift
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import processor_of
from temple_ledger.projections.role_periods import ROLE_PERIODS
from temple_ledger.projections.testing.histories import at, joined, left, role_added, role_removed
from tests.log.builders import as_lines, line, rows
from tests.log.builders import joined as entry_of_join


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database)


def imported(database: Database, *users: str, most_lines: int = 1_000, **options: Any) -> Imported:
    lines = [line(user, event_type="discord_role_change", action="added", target="Oracle") for user in users]
    return import_lines(database, io.BytesIO(as_lines(*lines)), most_lines=most_lines, catalogue=CATALOGUE, **options)


def named(*positions: int) -> Selection:
    return Selection(positions=PositionSet.of(positions))


def retracted(database: Database, selection: Selection) -> RetractionImpact:
    return retract(database, selection, BUILT_IN, CATALOGUE, reason="a mistake", by="eve")


def reinstated(database: Database, selection: Selection) -> RetractionImpact:
    return reinstate(database, selection, BUILT_IN, CATALOGUE, by="ada")


def left_out(database: Database) -> PositionSet:
    with database.connect(DatabaseRole.READ) as connection:
        return retracted_positions(connection)


def test_an_event_that_is_retracted_counts_nowhere_and_stays_in_the_log(
    database: Database, ledger: LedgerScenario
) -> None:
    _, granted, removed = ledger.given(
        joined("ada"), role_added("ada", "Oracle", at(1)), role_removed("ada", "Oracle", at(2))
    )
    ledger.then_roles("ada", [])
    retracted(database, named(removed))
    ledger.then_roles("ada", ["Oracle"])
    retracted(database, named(granted))
    ledger.then_roles("ada", [])
    assert len(rows(database)) == 3
    reinstated(database, named(granted))
    ledger.then_roles("ada", ["Oracle"])


def test_what_arrives_later_is_folded_without_it(database: Database, ledger: LedgerScenario) -> None:
    (gone,) = ledger.given(left("ada", at(5)))
    retracted(database, named(gone))
    ledger.when(role_added("ada", "Oracle", at(1)))
    ledger.then_roles("ada", ["Oracle"])
    ledger.then_status("ada", "active")


def test_what_a_runner_remembers_is_void(database: Database, ledger: LedgerScenario) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        processor = processor_of(members, transactions(connection), catalogue=CATALOGUE)
        _, granted = ledger.given(joined("ada"), role_added("ada", "Oracle", at(1)))
        processor.step(upto=granted, limit=10)
        retracted(database, named(granted))
        (last,) = ledger.given(role_added("ada", "Seeker", at(2)))
        processor.step(upto=last, limit=10)
    ledger.then_roles("ada", ["Seeker"])


def test_positions_that_nobody_has_folded_yet_are_left_out_when_they_come(
    database: Database, ledger: LedgerScenario
) -> None:
    _, granted = ledger.given(joined("ada"), role_added("ada", "Oracle", at(1)))
    assert retracted(database, named(granted)).members == set()
    ledger.then_roles("ada", [])


def test_a_member_of_whom_nothing_is_left_is_gone(database: Database, ledger: LedgerScenario) -> None:
    positions = ledger.given(joined("ada"), role_added("ada", "Oracle", at(1)))
    ledger.catch_up()
    retracted(database, named(*positions))
    ledger.then_status("ada", None)
    assert ledger.rows(members, "discord_user_current_roles", "ada") == []


def test_a_member_who_is_parked_by_what_is_retracted_goes_on(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(joined("ada"))
    with database.connect(DatabaseRole.APPEND) as connection:
        bad = connection.execute(
            "insert into webhook_audit_log (event_id, event_type, user_id, action, source)"
            " values (gen_random_uuid(), 'discord_role_change', 'ada', 'added', 'test') returning id"
        ).fetchone()
    ledger.given(role_added("ada", "Oracle", at(1)))
    ledger.catch_up()
    assert ledger.rows(members, "discord_user_current_roles", "ada") == []
    retracted(database, named(bad[0] if bad else 0))
    ledger.then_roles("ada", ["Oracle"])
    with database.connect(DatabaseRole.READ) as connection:
        assert parked(connection) == []


def test_two_imports_and_live_appends_interleave_and_one_is_retracted(
    database: Database, ledger: LedgerScenario
) -> None:
    users = {name: [f"{name}-{number}" for number in range(1_500)] for name in ("one", "two")}
    done: dict[str, Imported] = {}
    ended = threading.Event()

    def load(name: str) -> None:
        done[name] = imported(database, *users[name], most_lines=400)

    def append() -> None:
        with LogAppender(database) as appender:
            number = 0
            while number < 50 or not ended.is_set():
                appender.append(entry_of_join(f"live-{number}"))
                number += 1

    loading = [threading.Thread(target=load, args=(name,)) for name in users]
    appending = threading.Thread(target=append)
    for thread in (*loading, appending):
        thread.start()
    for thread in loading:
        thread.join()
    ended.set()
    appending.join()

    ledger.catch_up()
    retracted(database, Selection(imports=(done["one"].number,)))
    of_one = [row[0] for row in rows(database, "id, user_id") if row[1].startswith("one-")]
    assert left_out(database) == PositionSet.of(of_one)
    ledger.then_verified()
    with database.connect(DatabaseRole.READ) as connection:
        held = {user for (user,) in connection.execute("select user_id from discord_user_current_roles")}
        listed = {each.number: (each.events, each.retracted) for each in imports(connection, limit=10)}
    assert held == set(users["two"])
    assert listed == {done["one"].number: (1_500, 1_500), done["two"].number: (1_500, 0)}


def test_positions_between_those_of_a_chunk_are_not_its_own(database: Database) -> None:
    """As they are drawn when somebody appends while a chunk is copied: here, by a trigger."""
    with psycopg.connect(database.dsn, autocommit=True) as admin:
        admin.execute(
            "create function draw_one() returns trigger language plpgsql security definer as"
            " $$ begin perform nextval('webhook_audit_log_id_seq'); return new; end $$"
        )
        admin.execute("create trigger draw before insert on webhook_audit_log for each row execute function draw_one()")
        number = imported(database, "ada", "eve", "bob").number
        admin.execute("drop trigger draw on webhook_audit_log")
        ranges = admin.execute("select first_position, last_position from log_import_range where import = %s", [number])
        assert PositionSet(ranges.fetchall()) == PositionSet.of(rows(database))
    assert len(set(rows(database))) == 3
    assert rows(database)[-1] - rows(database)[0] > 2


def test_an_import_that_is_repeated_after_its_retraction_meets_events_that_are_retracted(database: Database) -> None:
    lines = as_lines(*(line(user) for user in ("ada", "eve")))
    first = import_lines(database, io.BytesIO(lines), catalogue=CATALOGUE)
    retracted(database, Selection(imports=(first.number,)))
    again = import_lines(database, io.BytesIO(lines), catalogue=CATALOGUE)
    assert (again.added, again.duplicates, again.retracted) == (0, 0, PositionSet.of(rows(database)))
    assert left_out(database), "the library's import changes nothing; the command reinstates"


def test_other_doors_answer_there_and_retracted_and_change_nothing(database: Database) -> None:
    entry = entry_of_join("ada")
    with LogAppender(database) as appender:
        position = appender.append(entry).position
        retracted(database, named(position))
        assert appender.append(entry) == (position, False, True)
        assert appender.append_many([entry]) == [(position, False, True)]
    assert left_out(database) == PositionSet.of([position])


def test_an_import_that_is_retracted_while_it_goes_on_adds_no_more(database: Database) -> None:
    def take_back(so_far: Imported) -> None:
        if not left_out(database):
            retracted(database, Selection(imports=(so_far.number,)))

    with pytest.raises(Refused, match="was retracted while it went on"):
        imported(database, *(f"member-{number}" for number in range(20)), most_lines=2, progress=take_back)
    ids = rows(database)
    assert len(ids) < 20
    with database.connect(DatabaseRole.READ) as connection:
        assert imports(connection, limit=1)[0].finished_at is None
    assert left_out(database) == PositionSet.of(ids)


def test_the_preview_shows_what_the_application_does_and_changes_nothing(
    database: Database, ledger: LedgerScenario
) -> None:
    number = imported(database, "ada", "eve").number
    ledger.given(role_added("eve", "Oracle", at(100)))
    ledger.catch_up()
    shown: list[Drift] = []
    preview = preview_retraction(database, Selection(imports=(number,)), BUILT_IN, CATALOGUE, each=shown.append)
    assert left_out(database) == PositionSet()
    ledger.then_roles("ada", ["Oracle"])
    applied = retracted(database, Selection(imports=(number,)))
    assert (preview.positions, preview.members) == (applied.positions, applied.members)
    assert {drift.user_id for drift in shown if drift.table != ROLE_PERIODS.name} == {"ada"}
    assert {drift.user_id for drift in shown} == {"ada", "eve"}, "since when eve has the role"
    ledger.then_roles("eve", ["Oracle"])
    back = preview_retraction(database, Selection(imports=(number,)), BUILT_IN, CATALOGUE, reinstating=True)
    assert back.members == {"ada", "eve"}


def test_what_is_retracted_already_is_not_retracted_again(database: Database, ledger: LedgerScenario) -> None:
    one, two, three = ledger.given(joined("ada"), joined("eve"), joined("bob"))
    assert retracted(database, named(two)).positions == PositionSet.of([two])
    assert retracted(database, named(one, two, three)).positions == PositionSet.of([one, three])
    assert reinstated(database, named(two)).positions == PositionSet.of([two])
    assert left_out(database) == PositionSet.of([one, three])
    assert not reinstated(database, named(two)).positions


def test_what_is_not_there_is_named(database: Database, ledger: LedgerScenario) -> None:
    (position,) = ledger.given(joined("ada"))
    with pytest.raises(UnknownName, match="position of the log '99'"):
        retracted(database, named(position, 99))
    with pytest.raises(UnknownName, match="import '7'"):
        retracted(database, Selection(imports=(7,)))
    assert not left_out(database)


def test_a_name_that_was_imported_wrongly_is_gone_from_the_directory(database: Database) -> None:
    def role(name: str, action: str) -> dict[str, Any]:
        return line("guild", event_type="discord_role", action=action, target="7", metadata={"name": name})

    import_lines(database, io.BytesIO(as_lines(role("Oracle", "created"))), catalogue=CATALOGUE)
    wrong = import_lines(
        database, io.BytesIO(as_lines(role("Oarcle", "renamed"), role("", "deleted"))), catalogue=CATALOGUE
    )
    with database.connect(DatabaseRole.READ) as connection:
        assert [(each.name, each.deleted) for each in read_directory(connection)] == [("Oarcle", True)]
        retracted(database, Selection(imports=(wrong.number,)))
        assert [(each.name, each.deleted) for each in read_directory(connection)] == [("Oracle", False)]


def test_a_rebuild_that_began_before_is_refused(database: Database, ledger: LedgerScenario) -> None:
    (position,) = ledger.given(joined("ada"))
    ledger.catch_up()
    with Rebuild(database, members, catalogue=CATALOGUE) as rebuild:
        rebuild.fold()
        shown = rebuild.compare()
        retracted(database, named(position))
        with pytest.raises(Refused, match="starts from the beginning"):
            rebuild.apply(shown, by="ada")


def test_the_librarys_projections_see_a_place_and_no_event(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(joined("ada"), role_added("ada", "Oracle", at(1)))
    recorder = LogRecorder(database, catalogue=CATALOGUE)
    try:
        retracted(database, named(2))
        kept, gone = recorder.select_notifications(start=1, limit=10)
        assert (kept.id, gone.id) == (1, 2)
        event = EventMapper(catalogue=CATALOGUE).to_domain_event(gone)
        assert isinstance(event, UnknownEvent)
        topics = ["discord_role_change/added"]
        assert recorder.select_notifications(start=1, limit=10, topics=topics) == []
    finally:
        recorder.close()


def test_an_export_leaves_it_out_unless_asked(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(joined("ada"), joined("eve"))
    retracted(database, named(1))
    with database.connect(DatabaseRole.READ) as connection:
        (only,) = exported_lines(connection)
        first, second = exported_lines(connection, Exported(retracted=True))
    assert '"user_id":"eve"' in only
    assert '"retracted_at":"2' in first
    assert second == only


@pytest.mark.parametrize("role", [DatabaseRole.APPEND, DatabaseRole.READ])
@pytest.mark.parametrize(
    "attempt",
    [
        "insert into log_retraction (reason, retracted_by) values ('x', 'x')",
        "insert into retracted_range values (1, 1, 1)",
        "delete from retracted_range",
        "update log_import set closed = false",
        "delete from log_import_range",
    ],
)
def test_who_only_appends_or_reads_retracts_nothing(database: Database, role: DatabaseRole, attempt: str) -> None:
    with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(attempt.encode())


def test_the_journal_says_who_and_why(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(joined("ada"))
    retracted(database, named(1))
    reinstated(database, named(1))
    with database.connect(DatabaseRole.READ) as connection:
        found = connection.execute("select kind, projection, reason from ledger_operation order by id").fetchall()
    assert found == [("retract", None, "a mistake"), ("reinstate", None, None)]
