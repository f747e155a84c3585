"""Shadow tables beside the tables that are read: emptied, compared, and put in their place."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql

from temple_ledger.infrastructure.database.session_settings import set_for_transaction
from temple_ledger.infrastructure.database.shadow_tables import shadow_of
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.tables import USER_ID, columns_of, place_of
from temple_ledger.infrastructure.database.whole_tables import join_whole_tables
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tables import Table
from temple_ledger.projections.tally import Tally

TRUNCATE_WAITS: Final = "500ms"

Connection = psycopg.Connection[Any]


def empty_shadows(connection: Connection, projection: Projection) -> None:
    """Truncated, unless somebody reads there: a dump holds every table, for as long as it takes."""
    shadows = [_shadow(table) for table in projection.tables]
    try:
        with connection.transaction():
            set_for_transaction(connection, "lock_timeout", TRUNCATE_WAITS)
            connection.execute(sql.SQL("truncate {}").format(sql.SQL(", ").join(shadows)))
    except psycopg.errors.LockNotAvailable:
        for shadow in shadows:
            connection.execute(sql.SQL("delete from {}").format(shadow))


def remove_from_shadows(connection: Connection, projection: Projection, user_ids: Sequence[str]) -> None:
    for table in projection.tables:
        remove = sql.SQL("delete from {} where user_id = any(%s)").format(_shadow(table))
        connection.execute(remove, (list(user_ids),))


def members_that_differ(tables: Iterable[Table]) -> sql.Composed:
    """Members whose rows, or whose frontier under `%(projection)s`, are other in the shadow tables, by user_id."""
    parts: list[sql.Composable] = [_differing(table) for table in tables]
    parts.append(sql.SQL(statement("rebuild_frontier_differs").decode()))
    return sql.SQL("select distinct user_id from ({}) as differing order by user_id").format(
        sql.SQL(" union all ").join(parts)
    )


def put_in_place(connection: Connection, projection: Projection, table: Table, user_ids: Sequence[str] | None) -> None:
    """The table that is read becomes what its shadow is; of all members, or of these. Only rows that differ move.

    In three statements, not by `on conflict`, which looks into the index before each insert and again for it: where
    much is new, that was a third more. An empty table is just filled. Whoever calls this holds the checkpoint, so
    nobody else writes here.
    """
    join_whole_tables(connection)
    if user_ids is None and is_empty(connection, table):
        connection.execute(_fill(projection, table))
        return
    keys, values = _key_names(projection, table), _value_names(projection, table)
    parts = {
        "live": place_of(table),
        "shadow": _shadow(table),
        "names": _listed((*keys, *values)),
        "same": sql.SQL(" and ").join(sql.SQL("live.{0} = rebuilt.{0}").format(sql.Identifier(name)) for name in keys),
        "of_live": _of_these("live", user_ids),
        "of_rebuilt": _of_these("rebuilt", user_ids),
    }
    removed = [parts["same"]]
    if table.unique and values:
        # rows may exchange what an index holds: whatever is other goes before anything comes
        was, becomes = _listed(values, "live"), _listed(values, "rebuilt")
        removed.append(sql.SQL("({}) is not distinct from ({})").format(was, becomes))
    statements = [sql.SQL(_REMOVE).format(**{**parts, "same": sql.SQL(" and ").join(removed)})]
    if values and not table.unique:
        settings = [sql.SQL("{0} = rebuilt.{0}").format(sql.Identifier(name)) for name in values]
        if table.stamp is not None:
            settings.append(sql.SQL("{} = clock_timestamp()").format(sql.Identifier(table.stamp)))
        parts["settings"] = sql.SQL(", ").join(settings)
        parts["was"], parts["becomes"] = _listed(values, "live"), _listed(values, "rebuilt")
        statements.append(sql.SQL(_CHANGE).format(**parts))
    statements.append(sql.SQL(_ADD).format(**parts))
    for each in statements:
        connection.execute(each, {} if user_ids is None else {"user_ids": list(user_ids)})


def is_empty(connection: Connection, table: Table) -> bool:
    found = connection.execute(sql.SQL("select from {} limit 1").format(place_of(table)))
    return found.fetchone() is None


def _fill(projection: Projection, table: Table) -> sql.Composed:
    names = _listed((*_key_names(projection, table), *_value_names(projection, table)))
    return sql.SQL("insert into {} ({names}) select {names} from {}").format(
        place_of(table), _shadow(table), names=names
    )


_REMOVE: Final = """
delete from {live} as live
where {of_live} and not exists (select from {shadow} as rebuilt where {same} and {of_rebuilt})
"""
_CHANGE: Final = """
update {live} as live
set {settings}
from {shadow} as rebuilt
where {same} and {of_live} and {of_rebuilt} and ({was}) is distinct from ({becomes})
"""
_ADD: Final = """
insert into {live} ({names})
select {names} from {shadow} as rebuilt
where {of_rebuilt} and not exists (select from {live} as live where {same} and {of_live})
"""


def _differing(table: Table) -> sql.Composed:
    values = [name for name in table.column_names if name not in table.key]
    differs: list[sql.Composable] = [sql.SQL("live.user_id is null or rebuilt.user_id is null")]
    if values:
        differs.append(
            sql.SQL("({}) is distinct from ({})").format(_listed(values, "live"), _listed(values, "rebuilt"))
        )
    return sql.SQL(
        "select coalesce(live.user_id, rebuilt.user_id) as user_id from {} as live full join {} as rebuilt "
        "using ({}) where {}"
    ).format(
        place_of(table),
        _shadow(table),
        _listed((USER_ID.name, *table.key)),
        sql.SQL(" or ").join(differs),
    )


def _shadow(table: Table) -> sql.Identifier:
    return place_of(shadow_of(table))


def _key_names(projection: Projection, table: Table) -> tuple[str, ...]:
    return table.key if isinstance(projection, Tally) else (USER_ID.name, *table.key)


def _value_names(projection: Projection, table: Table) -> tuple[str, ...]:
    """The columns that are no part of the key."""
    keys = _key_names(projection, table)
    return tuple(column.name for column in columns_of(projection, table) if column.name not in keys)


def _listed(names: Iterable[str], table: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(*([table] if table else []), name) for name in names)


def _of_these(table: str, user_ids: Sequence[str] | None) -> sql.Composable:
    if user_ids is None:
        return sql.SQL("true")
    return sql.SQL("{}.user_id = any(%(user_ids)s)").format(sql.Identifier(table))
