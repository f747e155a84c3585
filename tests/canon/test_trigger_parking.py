"""With the trigger on no append is refused: what cannot be folded parks its member, as the runner would."""

import json
from typing import Any

import psycopg

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.operations import parked, retry, skip
from temple_ledger.infrastructure.read_models.trigger_mode import enable
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.canon.folds import by_python, drift, stored
from tests.verification.builders import since_last

INSERT = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
    values (gen_random_uuid(), %(timestamp)s, %(event_type)s, %(user_id)s, %(action)s, %(target)s, %(metadata)s::jsonb,
        %(source)s)
    returning id
"""
ROW: dict[str, Any] = {
    "timestamp": "2026-01-01T05:00Z",
    "event_type": "discord_role_change",
    "user_id": "ada",
    "action": "added",
    "target": "Oracle",
    "metadata": None,
    "source": "elsewhere",
}
TIER = {"event_type": "patreon_membership", "action": "changed"}
LEFT = {"event_type": "discord_leave", "action": "left", "target": None}
DEEP = "[" * 201 + "1" + "]" * 201
# what is different from ROW, of a member who is called like the case
BAD: dict[str, dict[str, Any]] = {
    "no time": {"timestamp": "infinity"},
    "no time at the other end": {"timestamp": "-infinity"},
    "before Christ": {"timestamp": "0001-12-31 BC"},
    "": {"user_id": ""},
    "no source": {"source": ""},
    "no role": {"target": None},
    "an empty role": {"target": ""},
    "no role to remove": {"action": "removed", "target": None},
    "a grantor with a long name": {"metadata": json.dumps({"granted_by": "é" * 101})},
    "metadata too deep": {"metadata": DEEP},
    "metadata too deep, of a leave": {**LEFT, "metadata": DEEP},
    "metadata too deep, of a removal": {"action": "removed", "metadata": DEEP},
    "a number too long": {"metadata": '{"n": ' + "1" * 4301 + "}"},
    "a tier too long": {**TIER, "target": "é" * 51},
    "time and role": {"timestamp": "infinity", "target": None},
}
GOOD: dict[str, dict[str, Any]] = {
    "a grantor with a name just short enough": {"metadata": json.dumps({"granted_by": "é" * 100})},
    "a tier just short enough": {**TIER, "target": "é" * 50},
    "an empty tier": {**TIER, "target": ""},
    "a tier, whatever the metadata": {**TIER, "metadata": DEEP},
    "a leave of many words": {**LEFT, "metadata": json.dumps({"reason": "x" * 5000})},
    "metadata just deep enough": {"metadata": "[" * 200 + "1" + "]" * 200},
    "a number just short enough": {"metadata": '{"n": ' + "1" * 4300 + ".5}"},
    "a grantor who is no name": {"metadata": '{"granted_by": ["mod"]}'},
    "the year 9999": {"timestamp": "9999-12-31T23:59:59.999999Z"},
    "the year 1": {"timestamp": "0001-01-01T00:00Z"},
    "an event nobody knows": {"event_type": "discord_boost", "timestamp": "infinity", "target": None},
}


def append(database: Database, **different: Any) -> int:
    """Past every check of ours."""
    with database.connect(DatabaseRole.APPEND) as connection:
        row = connection.execute(INSERT, {**ROW, **different}).fetchone()
        assert row is not None
        return int(row[0])


def run_as_before(database: Database) -> LedgerScenario:
    ledger = LedgerScenario(database)
    ledger.given(joined("ada", at(1)), role_added("ada", "Seeker", at(2)), joined("bob", at(1)))
    ledger.catch_up()
    return ledger


def errors(database: Database) -> list[tuple[int, str, str]]:
    with database.connect(DatabaseRole.READ) as connection:
        return [(each.position, each.user_id, each.error) for each in parked(connection, projection="members")]


def test_the_trigger_parks_and_folds_what_the_runner_does(databases: tuple[Database, Database]) -> None:
    cases = {**BAD, **GOOD}
    told: list[list[tuple[int, str, str]]] = []
    rows = []
    enable(databases[0], catalogue=CATALOGUE, by="ada")
    for database in databases:
        with database.connect(DatabaseRole.APPEND) as connection:
            for when, different in ((1, {"target": "Before"}), (5, None), (6, {"target": "After"})):
                for name, case in cases.items():
                    row = {**ROW, "timestamp": f"2026-01-01T{when:02}:00Z", "user_id": name}
                    if name or different is None:
                        connection.execute(INSERT, row | (case if different is None else different))
        if database is databases[1]:
            LedgerScenario(database).catch_up()
        with database.connect(DatabaseRole.READ) as read:
            rows.append(stored(read, list(cases)))
            assert rows[-1] == by_python(read, list(cases))
            assert drift(read) == []
        told.append(errors(database))
    assert rows[0] == rows[1]
    assert set(rows[0].parked) == set(BAD)
    words = [[error for *_, error in each if "cannot be decoded" not in error] for each in told]
    assert words[0] == words[1]


def test_a_parked_member_waits_until_a_retry_or_a_skip(database: Database) -> None:
    ledger = run_as_before(database)
    enable(database, catalogue=CATALOGUE, by="ada")
    position = append(database, target="")
    ledger.when(role_added("ada", "Oracle", at(6)), role_added("ada", "Late", at(0)))
    assert errors(database) == [(position, "ada", "target is missing; discord_role_change/added needs one")]
    ledger.then_roles("ada", ["Seeker"])
    with database.connect(DatabaseRole.READ) as connection:
        (failure,) = parked(connection, projection="members")
    assert failure.waiting == 3
    (again,) = retry(database, members, [failure], catalogue=CATALOGUE, by="ada")
    assert again.position == position
    assert not skip(database, members, failure, reason="a test", catalogue=CATALOGUE, by="ada")
    ledger.then_roles("ada", ["Late", "Oracle", "Seeker"])
    ledger.when(role_added("ada", "More", at(7)))
    ledger.then_roles("ada", ["Late", "More", "Oracle", "Seeker"])


def draw_positions(owner: psycopg.Connection[Any], user_id: str, *different: dict[str, Any]) -> None:
    """Appends with positions in the opposite order of the commits, as two appenders do by chance."""
    (last,) = owner.execute("select max(id) from webhook_audit_log").fetchone() or (0,)
    for place, each in enumerate(different):
        row = {**ROW, "user_id": user_id, "position": last + len(different) - place, **each}
        owner.execute(
            INSERT.replace("(event_id", "(id, event_id")
            .replace("values (", "overriding system value values (%(position)s, ")
            .encode(),
            row,
        )


def test_of_two_events_at_one_time_the_smaller_position_counts_first_though_it_is_seen_later(
    database: Database,
) -> None:
    run_as_before(database)
    enable(database, catalogue=CATALOGUE, by="ada")
    with database.connect(DatabaseRole.OWNER) as owner:
        draw_positions(owner, "ada", {"action": "removed", "target": "Tie"}, {"action": "added", "target": "Tie"})
        assert ("ada", "Tie") not in stored(owner, ["ada"]).roles
        assert stored(owner, ["ada"]) == by_python(owner, ["ada"])


def test_a_bad_event_before_a_folded_one_takes_that_one_back(database: Database) -> None:
    run_as_before(database)
    enable(database, catalogue=CATALOGUE, by="ada")
    with database.connect(DatabaseRole.OWNER) as owner:
        draw_positions(owner, "ada", {"target": "Taken back"}, {"target": ""})
        assert ("ada", "Taken back") not in stored(owner, ["ada"]).roles
        assert stored(owner, ["ada"]) == by_python(owner, ["ada"])


def test_a_good_event_before_a_bad_one_is_folded_while_the_member_is_parked(database: Database) -> None:
    run_as_before(database)
    enable(database, catalogue=CATALOGUE, by="ada")
    with database.connect(DatabaseRole.OWNER) as owner:
        draw_positions(owner, "ada", {"target": ""}, {"target": "Before"})
        assert ("ada", "Before") in stored(owner, ["ada"]).roles
        assert stored(owner, ["ada"]) == by_python(owner, ["ada"])


def test_of_two_bad_events_the_first_by_position_parks(database: Database) -> None:
    run_as_before(database)
    enable(database, catalogue=CATALOGUE, by="ada")
    with database.connect(DatabaseRole.OWNER) as owner:
        draw_positions(owner, "ada", {"target": ""}, {"target": None})
        assert stored(owner, ["ada"]) == by_python(owner, ["ada"])


def test_an_error_that_nobody_foresaw_parks_the_one_member_and_is_tried_again(database: Database) -> None:
    ledger = run_as_before(database)
    enable(database, catalogue=CATALOGUE, by="ada")
    with database.connect(DatabaseRole.OWNER) as owner:
        owner.execute("alter table temple_member_status add constraint unforeseen check (user_id <> 'eve') not valid")
        ledger.when(joined("eve", at(1)), joined("fay", at(1)))
        ((_, user_id, error),) = errors(database)
        assert user_id == "eve"
        assert "23514" in error
        assert "fay" in stored(owner, ["eve", "fay"]).statuses
        assert drift(owner) == []
        owner.execute("alter table temple_member_status drop constraint unforeseen")
    ledger.when(role_added("eve", "Oracle", at(2)))
    assert errors(database) == []
    ledger.then_roles("eve", ["Oracle"])


def test_when_not_even_parking_works_the_append_is_kept_all_the_same(database: Database) -> None:
    ledger = run_as_before(database)
    enable(database, catalogue=CATALOGUE, by="ada")
    with database.connect(DatabaseRole.OWNER) as owner:
        owner.execute("alter table trigger_member rename to somewhere_else")
        owner.execute("alter table projection_failure rename to not_there")
        (position,) = ledger.when(joined("eve", at(1)))
        owner.execute("alter table not_there rename to projection_failure")
        owner.execute("alter table somewhere_else rename to trigger_member")
    assert position
    # nobody was told, but verify sees it
    assert verify(database, members, catalogue=CATALOGUE).drifted == ["eve"]


def test_in_another_isolation_level_a_member_is_folded_or_parked_and_never_wrong(database: Database) -> None:
    ledger = run_as_before(database)
    enable(database, catalogue=CATALOGUE, by="ada")
    with (
        database.connect(DatabaseRole.APPEND, autocommit=False) as careful,
        database.connect(DatabaseRole.READ) as read,
    ):
        careful.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        careful.execute(INSERT, {**ROW, "target": "Alone"})
        careful.commit()
        assert errors(database) == []
        assert ("ada", "Alone") in stored(read, ["ada"]).roles

        careful.execute("select 1 from webhook_audit_log")
        append(database, target="Unseen")
        careful.execute(INSERT, {**ROW, "target": "Beside"})
        careful.execute(INSERT, {**ROW, "user_id": "bob", "target": "Alone"})
        careful.commit()
        ((_, user_id, error),) = errors(database)
        assert user_id == "ada"
        assert "REPEATABLE READ" in error
        verified = verify(database, members, catalogue=CATALOGUE)
        assert (verified.drifted, verified.parked) == ([], 1)
        assert since_last(database, members).verified.drifted == []
        assert ("bob", "Alone") in stored(read, ["bob"]).roles

        ledger.when(role_added("ada", "Next", at(9)))
        assert errors(database) == []
        ledger.then_roles("ada", ["Alone", "Beside", "Next", "Seeker", "Unseen"])


def test_in_another_isolation_level_an_operation_meanwhile_parks_the_member(database: Database) -> None:
    run_as_before(database)
    enable(database, catalogue=CATALOGUE, by="ada")
    with database.connect(DatabaseRole.APPEND, autocommit=False) as careful:
        careful.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        careful.execute("select 1 from webhook_audit_log")
        with database.connect(DatabaseRole.PROJECT) as project:
            project.execute("delete from discord_user_current_roles")
            project.execute("call rebuild_derived_state_from_audit()")
        careful.execute(INSERT, {**ROW, "target": "Beside"})
        careful.commit()
    ((_, user_id, _),) = errors(database)
    assert user_id == "ada"
    with database.connect(DatabaseRole.READ) as connection:
        failures = parked(connection, projection="members")
    assert not retry(database, members, failures, catalogue=CATALOGUE, by="ada")
    assert verify(database, members, catalogue=CATALOGUE).ok
