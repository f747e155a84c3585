"""Which events of some members are not what was sealed: by sets, as the rule for a single event has it."""

import random
from collections.abc import Sequence

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.infrastructure.seals.accept import accept_range
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.erasure.builders import MODERATOR, OTHER, PERSON, ROLE, erased
from tests.seals.builders import seal, tampered

EVENTS = 30
PEOPLE = (PERSON, OTHER, MODERATOR)

BY_ONE = """
select user_id, min(log.id)
from webhook_audit_log as log
where exists (select from log_seal where kind in ('erase', 'accept') and positions @> log.id)
  and not seal_superseded_holds(log.id)
group by user_id
"""

PLACES = """
with spread as (
    select range_agg(int8range(each, each + 1 + each %% %(gap)s, '[)')) as positions
    from unnest(%(starts)s::bigint[]) as each
),
chosen as (
    select positions, positions * int8multirange(int8range(%(first)s, %(last)s)) as wanted from spread
)
select sealed.place, seal_place(positions, log_position) as by_one, count(*) over () as number,
    (select count(*) from seal_positions(wanted)) as wanted
from chosen, seal_places(positions, wanted) as sealed
"""


def changed_of(database: Database) -> dict[str, int]:
    with database.connect(DatabaseRole.PROJECT) as connection:
        everybody = [user_id for (user_id,) in connection.execute("select distinct user_id from webhook_audit_log")]
        found = PostgresTransaction(connection).changed(everybody, 10**6)  # type: ignore[arg-type]
        return dict(found)


def by_one(database: Database) -> dict[str, int]:
    with database.connect(DatabaseRole.LOGIN) as connection:
        return dict(connection.execute(BY_ONE).fetchall())


def entered(database: Database) -> None:
    """Accepted ranges that overlap, an erasure between them: the last entry that names an event counts."""
    ledger = LedgerScenario(database)
    for number in range(EVENTS):
        who = PEOPLE[number % 3]
        ledger.given(role_added(who, ROLE, at(number), by=MODERATOR) if number > 2 else joined(who, at(number)))
    ledger.catch_up()
    seal(database)
    tampered(database, "update webhook_audit_log set source = 'y' where id in (5, 8, 20)")
    accept_range(database, 4, 12, by="test", reason="x")
    erased(database)
    accept_range(database, 1, EVENTS, by="test", reason="x")


def test_what_entries_of_the_chain_name_holds_until_it_is_changed_again(database: Database) -> None:
    entered(database)
    assert changed_of(database) == {} == by_one(database)


@pytest.mark.parametrize("positions", [(5,), (8, 20), (1, 4, 7), (2, 3, 29, 30), tuple(range(1, EVENTS + 1))], ids=str)
def test_the_first_changed_event_of_each_member_is_named(database: Database, positions: Sequence[int]) -> None:
    entered(database)
    tampered(database, f"update webhook_audit_log set source = 'z' where id = any(array{list(positions)})")
    with database.connect(DatabaseRole.READ) as connection:
        first = connection.execute(
            "select user_id, min(id) from webhook_audit_log where id = any(%s) group by user_id", (list(positions),)
        ).fetchall()
    assert changed_of(database) == dict(first)
    # whether an entry names it, or its range alone
    assert by_one(database).keys() <= dict(first).keys()


def test_the_place_of_a_position_is_the_same_one_by_one(database: Database) -> None:
    dice = random.Random(1)
    with database.connect(DatabaseRole.LOGIN) as connection:
        for _ in range(10):
            first = dice.randrange(1, 300)
            starts = sorted(dice.sample(range(1, 400), 60))
            values = {"starts": starts, "gap": dice.randint(1, 9), "first": first, "last": first + 150}
            found = connection.execute(PLACES, values).fetchall()
            assert found
            assert all(place == alone and number == wanted for place, alone, number, wanted in found)
