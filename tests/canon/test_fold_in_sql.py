"""The SQL fold, the Python fold and the slow oracle give the same rows, of any history, at any position."""

from collections.abc import Callable
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import UndecodableEvent
from temple_ledger.domain.recorded import decode_metadata
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.operations import set_state
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.brake import FEW
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.members import members
from tests.canon.drawn import EVENTS, example, insert
from tests.canon.folds import by_python, by_sql, drift, slowly, stored
from tests.thorough import examples

SETTINGS = settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])


PARKS: Final = (("discord_role_change", "added", True), 0, "Oracle", 1, None, "no target")


def test_all_folds_give_the_same_rows_at_any_position(database: Database) -> None:
    _park_however_many(database)
    with database.connect(DatabaseRole.APPEND) as append, database.connect(DatabaseRole.READ) as read:

        @SETTINGS
        @given(EVENTS, st.integers(0, 39))
        def holds(drawn: list[Any], some: int) -> None:
            history = example(drawn)
            positions = insert(append, history.rows)
            for upto in {positions[-1], positions[some % len(positions)]}:
                expected = by_python(read, history.user_ids, upto)
                assert by_sql(read, history.user_ids, upto) == expected
                roles, statuses = slowly(read, history.user_ids, expected.parked, upto)
                assert (expected.roles, expected.statuses) == (roles, statuses)

        # also where most are parked for one reason, as happens among what is drawn
        insert(append, [row for _ in range(FEW + 1) for row in example([PARKS]).rows])
        LedgerScenario(database).catch_up()
        holds()

    # and all at once, against what the runner made of it
    LedgerScenario(database).catch_up()
    with database.connect(DatabaseRole.READ) as read:
        assert drift(read) == []
        everybody = [user_id for (user_id,) in read.execute("select distinct user_id from webhook_audit_log")]
        assert by_sql(read, everybody) == stored(read, everybody) == by_python(read, everybody)
    assert verify(database, members, catalogue=CATALOGUE).ok


def _park_however_many(database: Database) -> None:
    for projection in BUILT_IN:
        set_state(database, projection.key, ProjectionState.RUNNING, by="a test", parks_freely=True)


def test_skipped_positions_are_left_out(database: Database) -> None:
    with database.connect(DatabaseRole.APPEND) as append, database.connect(DatabaseRole.OWNER) as owner:

        @settings(SETTINGS, max_examples=examples(20))
        @given(EVENTS, st.sets(st.integers(0, 39), max_size=6))
        def holds(drawn: list[Any], some: set[int]) -> None:
            history = example(drawn)
            positions = insert(append, history.rows)
            skipped = frozenset(positions[place % len(positions)] for place in some)
            for position in skipped:
                owner.execute(
                    "insert into skipped_position values ('members', %s, 'somebody', 'me', 'a test'),"
                    " ('activity', %s, 'somebody', 'me', 'of no concern')",
                    (position, position - 1),
                )
            assert by_sql(owner, history.user_ids) == by_python(owner, history.user_ids, skipped=skipped)

        holds()


def test_the_order_is_that_of_timestamp_and_position_wherever_an_event_stands(database: Database) -> None:
    """The cases that the canon's own query gets wrong."""
    with database.connect(DatabaseRole.APPEND) as append, database.connect(DatabaseRole.READ) as read:
        for user_id, events in HISTORIES.items():
            for action, target, when, by in events:
                append.execute(
                    "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata,"
                    " source) values (gen_random_uuid(), %s, %s, %s, %s, %s, %s, 'test')",
                    (f"2026-01-{when:02}Z", TYPES[action], user_id, action, target, by),
                )
        assert by_sql(read, list(HISTORIES)) == by_python(read, list(HISTORIES))
        held = by_sql(read, list(HISTORIES)).roles
        assert sorted(held) == [
            ("back", "Seeker"),
            ("grant after removal", "Oracle"),
            ("named once", "Oracle"),
            ("removal that comes late", "Oracle"),
            ("tie, granted last", "Oracle"),
        ]
        assert held["named once", "Oracle"][1] == "mod"


TYPES = {"joined": "discord_join", "left": "discord_leave", "added": "discord_role_change"} | {
    "removed": "discord_role_change"
}
MOD = '{"granted_by": "mod"}'
HISTORIES: dict[str, list[tuple[str, str | None, int, str | None]]] = {
    "tie, granted last": [("removed", "Oracle", 1, None), ("added", "Oracle", 1, None)],
    "tie, removed last": [("added", "Oracle", 1, None), ("removed", "Oracle", 1, None)],
    "removal that comes late": [("added", "Oracle", 3, None), ("removed", "Oracle", 2, None)],
    "gone": [("added", "Oracle", 1, None), ("left", None, 2, None)],
    "gone late": [("added", "Oracle", 1, None), ("added", "Oracle", 3, None), ("left", None, 4, None)],
    "back": [("added", "Oracle", 1, None), ("left", None, 2, None), ("added", "Seeker", 3, None)],
    "grant after removal": [("added", "Oracle", 1, MOD), ("removed", "Oracle", 2, None), ("added", "Oracle", 3, None)],
    "named once": [("added", "Oracle", 1, MOD), ("added", "Oracle", 2, None)],
}

FORMS = ("%s", '{"n": [%s]}')
NESTED: dict[str, Callable[[int], str]] = {
    "arrays": lambda levels: "[" * levels + "1" + "]" * levels,
    "objects": lambda levels: '{"a":' * levels + "1" + "}" * levels,
    "empty inside": lambda levels: "[" * levels + "]" * levels,
    "both": lambda levels: '[{"a":' * (levels // 2) + "[]" + "}]" * (levels // 2),
}
NUMBERS: dict[str, Callable[[int], str]] = {
    "whole": lambda digits: "9" * digits,
    "negative": lambda digits: "-" + "1" * digits,
    "round": lambda digits: "1" + "0" * (digits - 1),
    "with a fraction": lambda digits: "1" * digits + ".5",
    "a fraction": lambda digits: "0." + "1" * digits,
    "quoted": lambda digits: '"' + "1" * digits + '"',
}


PAYLOADS = [
    *(make(size) for make in NESTED.values() for size in range(198, 204)),
    *(form % make(size) for make in NUMBERS.values() for size in (4299, 4300, 4301, 5000) for form in FORMS),
    '{"granted_by": "' + "x" * 20_000 + '"}',
    "[" * 3000 + "]" * 3000,
    "[" + ",".join(["[]"] * 5000) + "]",
]


def readable_in_python(metadata: str) -> bool:
    try:
        decode_metadata(metadata)
    except UndecodableEvent:
        return False
    return True


def test_sql_can_read_the_metadata_that_python_can_read(database: Database) -> None:
    with database.connect(DatabaseRole.READ) as read:
        found = read.execute(
            "select each::text, metadata_readable(each) from unnest(%s::jsonb[]) as each", (PAYLOADS,)
        ).fetchall()
    assert [text for text, readable in found if readable != readable_in_python(text)] == []
    assert {readable for _, readable in found} == {True, False}
