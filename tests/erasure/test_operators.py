"""Whoever operates stands as `discord:ID` in what they did: an erasure replaces that, too, wherever it can stand."""

from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.processes.personal_tables import personal_tables
from temple_ledger.infrastructure.read_models.operations import parked, set_state, skip
from temple_ledger.infrastructure.read_models.retraction import Selection, retract
from temple_ledger.infrastructure.seals.accept import accept_range
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.erasure.builders import OTHER, PERSON, ROLE, erased, found_in
from tests.queries.builders import unfoldable
from tests.seals.builders import found, seal, tampered

OPERATOR = f"discord:{PERSON}"

COLUMNS = """
select class.relname::text, attribute.attname::text, format_type(attribute.atttypid, null), attribute.attnotnull,
    attribute.atttypmod
from pg_class as class
join pg_attribute as attribute on attribute.attrelid = class.oid
where class.relkind = 'r' and class.relnamespace = 'public'::regnamespace
  and attribute.attnum > 0 and not attribute.attisdropped and attribute.attgenerated = '' and attidentity = ''
order by 1, attnum
"""
CHECKS = """
select conrelid::regclass::text, conname from pg_constraint
where contype = 'c' and connamespace = 'public'::regnamespace
"""
TEXTS = ("text", "character varying", "jsonb")
"""Lists of texts hold roles, rights and names of triggers: nobody who operates."""

NO_PLACE = {
    "erased_position": "positions of the log",
    "erasure": "emptied when it ends",
    "feed_change": "emptied by every erasure",
    "inbox": "deliveries are emptied: test_sources.py",
    "ledger_canon": "names and checksums of our own SQL",
    "ledger_migration": "names and checksums of our own SQL",
    "log_seal": "the chain: an entry of an operator is made above",
    "projection_checkpoint": "names of projections and tables; a reason stands in it above",
    "projection_rollup": "names and definitions of projections",
    "rollup_role_headcount_v1": "follows its source",
    "seal_key": "has no text",
    "webhook_audit_log": "the log: test_erasing.py",
}
"""Tables that are not filled with a person here, each with the reason."""


def operated(database: Database) -> LedgerScenario:
    ledger = LedgerScenario(database)
    ledger.given(joined(PERSON), joined(OTHER), role_added(OTHER, ROLE, at(1)), role_added(OTHER, ROLE, at(2)))
    unfoldable(database, OTHER, at(3))
    ledger.catch_up()
    seal(database)
    return ledger


def test_what_an_operator_did_stands_under_the_pseudonym_and_every_seal_verifies(database: Database) -> None:
    operated(database)
    with database.connect(DatabaseRole.PROJECT) as connection:
        (failure,) = parked(connection, projection=members.name)
    skip(database, members, failure, by=OPERATOR, reason=f"as {OPERATOR} says", catalogue=CATALOGUE)
    chosen = Selection(positions=PositionSet([(3, 3)]))
    retract(database, chosen, BUILT_IN, CATALOGUE, reason=f"{OPERATOR} imported it", by=OPERATOR)
    tampered(database, "update webhook_audit_log set source = 'y' where id = 4")
    accept_range(database, 4, 4, by=OPERATOR, reason=f"{OPERATOR} restored it")
    set_state(database, members.key, ProjectionState.PAUSED, by=OPERATOR, reason=f"{OPERATOR} looks at it")
    seal(database)
    assert found(database) == []
    assert {"projection_checkpoint", "ledger_operation", "skipped_position", "log_retraction"} <= found_in(
        database, OPERATOR
    )
    erased(database)
    assert found_in(database, PERSON) == set()
    assert found(database) == []
    with database.connect(DatabaseRole.READ) as connection:
        doers = {by for (by,) in connection.execute("select performed_by from ledger_operation where kind <> 'erase'")}
    (pseudonym,) = doers
    assert pseudonym.startswith("discord:erased:")


class Column(NamedTuple):
    table: str
    name: str
    kind: str
    is_needed: bool
    modifier: int

    @property
    def takes_an_operator(self) -> bool:
        """Not where it is too short, nor where a member's own id has to stand."""
        has_room = self.modifier == -1 or self.modifier - 4 >= len(OPERATOR)
        return self.kind in TEXTS and has_room and self.name not in personal_tables().columns.get(self.table, ())


def planted(connection: psycopg.Connection[Any]) -> set[str]:
    """The tables in which the operator stands, in a row for each column that takes it."""
    columns = [Column(*each) for each in connection.execute(COLUMNS).fetchall()]
    places = [each for each in columns if each.takes_an_operator and each.table not in NO_PLACE]
    for number, place in enumerate(places, 10):
        row = {
            each.name: OPERATOR if each == place else value(each.kind, number)
            for each in columns
            if each.table == place.table and (each.is_needed or each == place)
        }
        row[place.name] = Jsonb({"by": OPERATOR}) if place.kind == "jsonb" else OPERATOR
        # a table of one row has it already
        only = next((each for each in ("only_one", "only_row") if each in row), None)
        again = f" on conflict ({only}) do update set {place.name} = excluded.{place.name}" if only else ""
        insert = sql.SQL("insert into {} ({}) values ({}){}").format(
            sql.Identifier(place.table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join([sql.Placeholder()] * len(row)),
            sql.SQL(again),
        )
        connection.execute(insert, list(row.values()))
    return {place.table for place in places}


def value(kind: str, number: int) -> Any:
    """Another one for each number."""
    made: dict[str, Any] = {
        "boolean": True,
        "date": "2026-01-01",
        "timestamp with time zone": "2026-01-01Z",
        "interval": "1 day",
        "uuid": UUID(int=number),
        "bytea": number.to_bytes(2),
        "int8multirange": "{}",
        "jsonb": Jsonb({}),
    }
    if kind.endswith("[]"):
        return []
    return made.get(kind, str(number))


def test_wherever_an_operator_can_stand_nothing_is_left(database: Database) -> None:
    """A table that is new is among them by itself."""
    operated(database)
    with database.connect(DatabaseRole.LOGIN) as connection:
        for table, check in connection.execute(CHECKS).fetchall():
            connection.execute(
                sql.SQL("alter table {} drop constraint {}").format(sql.SQL(table), sql.Identifier(check))
            )
        # neither triggers nor references to other tables
        connection.execute("set session_replication_role = replica")
        tables = planted(connection)
    assert len(tables) > 20
    assert found_in(database, OPERATOR) >= tables
    erased(database)
    assert found_in(database, PERSON) == set()
