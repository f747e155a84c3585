"""The rollups of projections: made and filled by a migration, kept by triggers, compared with their source, put right.

A trigger keeps a rollup whoever writes: a step, a replay, a repair, an erasure, the trigger mode, a person in psql.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.infrastructure.database import rollup_sql
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.drift import Drift, DriftKind
from temple_ledger.projections.placing import placed_rollup
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.rollup import Rollup
from temple_ledger.projections.tables import Row
from temple_ledger.projections.tally import Tally

Connection = psycopg.Connection[Any]


def stored_rollups(connection: Connection, projection: str | None = None, version: int | None = None) -> list[Rollup]:
    """Those that the database keeps, whoever declares them."""
    found = connection.execute(statement("rollup_list"), {"projection": projection, "version": version})
    return [placed_rollup(Rollup.of_definition(text), active=active) for text, active in found]


def make_rollups(connection: Connection, projection: Projection) -> list[str]:
    """Makes and fills those that are missing or declared otherwise, as temple_owner; returns their names.

    Within a transaction; whoever writes the source waits until it ends. Raises SchemaMismatch where something else has
    the name, or depends on what has to be made anew.
    """
    declared = [] if isinstance(projection, Tally) else list(projection.rollups.values())
    stored = {each.name: each for each in stored_rollups(connection, *projection.key)}
    made = []
    for rollup in declared:
        there = stored.get(rollup.name)
        if there == rollup and is_maintained(connection, rollup):
            continue
        with _nothing_depends_on(rollup):
            if there is not None:
                drop_rollup(connection, there)
            _require_free(connection, rollup)
            _make(connection, rollup)
        made.append(rollup.name)
    return made


def drop_rollup(connection: Connection, rollup: Rollup) -> None:
    """As temple_owner: with all that keeps it."""
    connection.execute(sql.SQL("drop view if exists {}").format(sql.Identifier(_view(rollup))))
    for event in rollup_sql.EVENTS:
        if _is_there(connection, [_source(rollup)]):
            name = sql.Identifier(rollup_sql.trigger_name(rollup, event))
            connection.execute(sql.SQL("drop trigger if exists {} on {}").format(name, sql.Identifier(_source(rollup))))
    for value in rollup_sql.sought(rollup):
        name = sql.Identifier(rollup_sql.index_name(rollup, value))
        connection.execute(sql.SQL("drop index if exists {}").format(name))
    function = sql.Identifier(rollup_sql.function_name(rollup))
    connection.execute(sql.SQL("drop function if exists {}()").format(function))
    for storage in rollup_sql.storages(rollup):
        connection.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(storage.name)))
    connection.execute(statement("rollup_forget"), _named(rollup))


def is_maintained(connection: Connection, rollup: Rollup) -> bool:
    """Whether everything that keeps it is there, and fires whoever writes."""
    names = [_view(rollup), *(each.name for each in rollup_sql.storages(rollup))]
    row = connection.execute(
        statement("rollup_triggers"), {"source": _source(rollup), "function": rollup_sql.function_name(rollup)}
    ).fetchone()
    return row == (len(rollup_sql.EVENTS),) and _is_there(connection, names)


def rollup_drift(connection: Connection, rollup: Rollup) -> Iterator[Drift]:
    """Where it is not the group-by of its source."""
    width, number = len(rollup.keys), len(rollup.values)
    names = [each.name for each in rollup.values]
    for row in connection.execute(rollup_sql.differences(rollup, _source(rollup))):
        key = dict(zip((each.name for each in rollup.keys), row[:width], strict=True))
        there, due = row[width : width + 2]
        stored, counted = row[width + 2 : width + 2 + number], row[width + 2 + number :]
        if not (there and due):
            kind = DriftKind.MISSING if due else DriftKind.TOO_MANY
            sides = (
                dict(zip(names, side, strict=True)) if has else None for side, has in ((stored, there), (counted, due))
            )
            yield Drift(rollup.projection, kind, rollup.name, None, key, None, *sides)
            continue
        for name, was, should_be in zip(names, stored, counted, strict=True):
            if was != should_be:
                yield Drift(rollup.projection, DriftKind.DIFFERENT, rollup.name, None, key, name, was, should_be)


def rollup_rows(connection: Connection, rollup: Rollup) -> list[Row]:
    """Keys and values, as readers see them."""
    columns = sql.SQL(", ").join(map(sql.Identifier, rollup.column_names))
    return list(connection.execute(sql.SQL("select {} from {}").format(columns, sql.Identifier(_view(rollup)))))


def refill_rollup(connection: Connection, rollup: Rollup) -> None:
    """Everything anew from the source; nobody else may write there meanwhile."""
    for storage in rollup_sql.storages(rollup):
        name = sql.Identifier(storage.name)
        connection.execute(sql.SQL("delete from {}").format(name))
        rows = rollup_sql.storage_rows(rollup, storage, _source(rollup))
        connection.execute(sql.SQL("insert into {} ({}) {}").format(name, storage.columns, rows))


def merge_rollups(connection: Connection) -> None:
    """What appends added each to a row of its own, in one row a key: while no append is in the middle of a fold."""
    for rollup in stored_rollups(connection):
        for storage in rollup_sql.storages(rollup):
            connection.execute(rollup_sql.merge(storage))
            connection.execute(
                sql.SQL("delete from {} where {}").format(sql.Identifier(storage.name), rollup_sql.empty(storage))
            )


def _make(connection: Connection, rollup: Rollup) -> None:
    source = sql.Identifier(_source(rollup))
    connection.execute(sql.SQL("lock table {} in share row exclusive mode").format(source))
    for storage in rollup_sql.storages(rollup):
        _make_storage(connection, rollup, storage)
    for value in rollup_sql.sought(rollup):
        connection.execute(
            sql.SQL("create index {} on {} ({})").format(
                sql.Identifier(rollup_sql.index_name(rollup, value)),
                source,
                rollup_sql.index_expressions(rollup, value),
            )
        )
    view = sql.Identifier(_view(rollup))
    connection.execute(sql.SQL("create view {} as {}").format(view, rollup_sql.stored_rows(rollup, _source(rollup))))
    connection.execute(sql.SQL("grant select on {} to temple_read, temple_append, temple_project").format(view))
    connection.execute(rollup_sql.maintaining_function(rollup))
    function = sql.Identifier(rollup_sql.function_name(rollup))
    connection.execute(sql.SQL("revoke execute on function {}() from public").format(function))
    for event in rollup_sql.EVENTS:
        connection.execute(rollup_sql.create_trigger(rollup, event, _source(rollup)))
        name = sql.Identifier(rollup_sql.trigger_name(rollup, event))
        connection.execute(sql.SQL("alter table {} enable always trigger {}").format(source, name))
    connection.execute(statement("rollup_put"), {**_named(rollup), "definition": rollup.definition()})


def _make_storage(connection: Connection, rollup: Rollup, storage: rollup_sql.Storage) -> None:
    name = sql.Identifier(storage.name)
    rows = rollup_sql.storage_rows(rollup, storage, _source(rollup))
    connection.execute(sql.SQL("create table {} with (fillfactor = 50) as {}").format(name, rows))
    for column in (*map(sql.Identifier, storage.keys), *(sql.Identifier(each.name) for each in storage.sums)):
        connection.execute(sql.SQL("alter table {} alter column {} set not null").format(name, column))
    key = sql.SQL(", ").join([*map(sql.Identifier, storage.keys), rollup_sql.PART])
    connection.execute(sql.SQL("alter table {} add primary key ({})").format(name, key))
    connection.execute(sql.SQL("analyze {}").format(name))
    connection.execute(sql.SQL("grant select, insert, update, delete on {} to temple_project").format(name))
    connection.execute(sql.SQL("grant select on {} to temple_read, temple_append").format(name))


def _require_free(connection: Connection, rollup: Rollup) -> None:
    names = [_view(rollup), *(each.name for each in rollup_sql.storages(rollup))]
    for name in names:
        if _is_there(connection, [name]):
            raise SchemaMismatch(
                f"rollup {rollup.name} of projection {rollup.projection} cannot be made: the database has another "
                f"relation named {name}; rename one of them, then run: temple db migrate"
            )


@contextmanager
def _nothing_depends_on(rollup: Rollup) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.DependentObjectsStillExist as error:
        raise SchemaMismatch(
            f"rollup {rollup.name} of projection {rollup.projection} is declared otherwise now, and something depends "
            f"on it as it is ({error.diag.message_detail}); drop that, then run: temple db migrate"
        ) from error


def _is_there(connection: Connection, names: Sequence[str]) -> bool:
    row = connection.execute(statement("rollup_relations"), {"names": list(names)}).fetchone()
    return row == (len(names),)


def _view(rollup: Rollup) -> str:
    return rollup.name if rollup.place is None else rollup.place


def _source(rollup: Rollup) -> str:
    return rollup.table if rollup.source is None else rollup.source


def _named(rollup: Rollup) -> dict[str, Any]:
    return {"projection": rollup.projection, "version": rollup.version, "name": rollup.name}
