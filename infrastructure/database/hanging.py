"""What hangs on tables that give their names to others, and whether the others can get it."""

from collections.abc import Collection, Sequence
from typing import Any

import psycopg
from psycopg import sql

from temple_ledger.infrastructure.database.declared_indexes import is_declared
from temple_ledger.infrastructure.database.handover import (
    Hanging,
    Pair,
    View,
    comment_statement,
    grant_statement,
    revoke_statement,
    role_identifier,
    types_at,
)
from temple_ledger.infrastructure.database.statements import statement

Connection = psycopg.Connection[Any]


def hanging_on(connection: Connection, pairs: Sequence[Pair], version: int) -> Hanging:
    """What hangs on the tables that give way; *version* is the one that gets the names. Reads only."""
    hanging = Hanging()
    rollups = {pair.name for pair in pairs if pair.kind == "view"}
    for pair in pairs:
        if pair.gives_way:
            _columns_of_views(connection, pair, version, rollups, hanging)
            _others(connection, pair, hanging)
            _grants(connection, pair, version, hanging)
            _comments(connection, pair, hanging)
            if pair.kind == "table":
                _indexes(connection, pair, version, hanging)
                _settings(connection, pair, hanging)
                _policies(connection, pair, hanging)
                _publications(connection, pair, hanging)
        elif _is_there(connection, pair.name):
            hanging.refusals.append(
                f"there is a table or view {pair.name}, which is none of this projection's; rename or drop it"
            )
    _views(connection, [pair for pair in pairs if pair.gives_way], hanging)
    return hanging


def _views(connection: Connection, pairs: Sequence[Pair], hanging: Hanging) -> None:
    places = [pair.now().as_string(connection) for pair in pairs]
    found = connection.execute(statement("handover_views"), {"places": places}).fetchall()
    for _, schema, name, kind, owner, may_act, definition, options, has_more in found:
        identifier = sql.Identifier(schema, name).as_string(connection)
        grants = connection.execute(statement("handover_grants"), {"place": identifier}).fetchall()
        comments = connection.execute(statement("handover_comments"), {"place": identifier}).fetchall()
        view = View(schema, name, owner, definition, options, grants, comments)
        if kind == "m":
            hanging.refusals.append(
                f"materialised view {view} reads its rows; drop it, and make it again after the switch"
            )
        elif has_more:
            hanging.refusals.append(
                f"view {view} has a trigger, a rule or a default; drop it, and make it again after the switch"
            )
        elif not may_act:
            hanging.refusals.append(f"view {view} belongs to {owner}, whom this login may not act as; use a superuser")
        hanging.views.append(view)
        hanging.goes_over.append(f"view {view}")


def _columns_of_views(
    connection: Connection, pair: Pair, version: int, rollups: Collection[str], hanging: Hanging
) -> None:
    there = types_at(connection, pair.beside()) if pair.new_place is not None else {}
    for view, column in connection.execute(
        statement("handover_columns"), {"place": pair.now().as_string(connection)}
    ).fetchall():
        # that of a rollup stays with its table
        if column not in there and view not in rollups:
            hanging.refusals.append(f"view {view} reads {pair.name}.{column}, which version {version} does not have")


def _others(connection: Connection, pair: Pair, hanging: Hanging) -> None:
    for (found,) in connection.execute(statement("handover_others"), {"place": pair.now().as_string(connection)}):
        hanging.refusals.append(f"{found} hangs on {pair.name} and cannot be given to another table; drop it")


def _indexes(connection: Connection, pair: Pair, version: int, hanging: Hanging) -> None:
    """One that somebody made by hand would be missed, and making it takes its time."""
    if pair.new_place is None:
        return
    found = connection.execute(statement("handover_indexes"), {"place": pair.beside().as_string(connection)})
    there = {(columns, kind) for _, columns, kind, _, _ in found}
    for name, columns, kind, primary, comment in connection.execute(
        statement("handover_indexes"), {"place": pair.now().as_string(connection)}
    ):
        if not primary and not _is_ours(name, comment) and (columns, kind) not in there:
            place = pair.beside().as_string(connection)
            hanging.refusals.append(
                f"index {name} on {pair.name} ({columns}) is missing in version {version}; make it, with create index "
                f"concurrently on {place} ({columns}), or drop it"
            )


def _is_our_role(grantee: str | None) -> bool:
    """What our own roles have, `temple db migrate` grants to them on the tables of every version."""
    return grantee in ("temple_append", "temple_project", "temple_read")


def _is_ours(index: str, comment: str | None) -> bool:
    """An index that belongs to the version: declared, or of a rollup."""
    return is_declared(comment) or index.startswith("rollup_")


def _grants(connection: Connection, pair: Pair, version: int, hanging: Hanging) -> None:
    there = types_at(connection, pair.beside()) if pair.new_place is not None else {}
    has = set(_grants_of(connection, pair.beside())) if pair.new_place is not None else set()
    wanted = _grants_of(connection, pair.now())
    for privilege, grantee, _, column in sorted(has - set(wanted), key=str):
        # from a time when it had the names before
        if not _is_our_role(grantee):
            hanging.statements.append(revoke_statement(pair.now(), privilege, grantee, column))
    for privilege, grantee, grantable, column in wanted:
        if (privilege, grantee, grantable, column) in has or _is_our_role(grantee):
            continue
        what = f"grant of {privilege.lower()}{'' if column is None else f' ({column})'} to {grantee or 'public'}"
        if pair.new_place is None or (column is not None and column not in there):
            lacks = f"no table {pair.name}" if column is None else f"no column {column}"
            hanging.refusals.append(f"{what} on {pair.name}: version {version} has {lacks}; revoke it")
            continue
        hanging.statements.append(grant_statement(pair.now(), privilege, grantee, grantable, column))
        hanging.goes_over.append(f"{what} on {pair.name}")


def _comments(connection: Connection, pair: Pair, hanging: Hanging) -> None:
    if pair.new_place is None:
        return
    there = types_at(connection, pair.beside())
    stale = connection.execute(
        statement("handover_comments"), {"place": pair.beside().as_string(connection)}
    ).fetchall()
    for column, _ in stale:
        hanging.statements.append(comment_statement(pair.kind, pair.now(), pair.name, column, None))
    for column, comment in connection.execute(
        statement("handover_comments"), {"place": pair.now().as_string(connection)}
    ):
        if column is None or column in there:
            hanging.statements.append(comment_statement(pair.kind, pair.now(), pair.name, column, comment))
            hanging.goes_over.append(f"comment on {pair.name}{'' if column is None else f'.{column}'}")


def _settings(connection: Connection, pair: Pair, hanging: Hanging) -> None:
    if pair.new_place is None:
        return
    row = connection.execute(statement("handover_settings"), {"place": pair.now().as_string(connection)}).fetchone()
    new = connection.execute(statement("handover_settings"), {"place": pair.beside().as_string(connection)}).fetchone()
    if row is None or new is None:
        return
    secured, forced, identity, options = row
    for on, was, what in (
        (secured, new[0], "enable" if secured else "disable"),
        (forced, new[1], "force" if forced else "no force"),
    ):
        if on != was:
            hanging.statements.append(sql.SQL("alter table {} {} row level security").format(pair.now(), sql.SQL(what)))
    if identity != new[2] and identity != "i":
        kind = sql.SQL({"f": "full", "n": "nothing"}.get(identity, "default"))
        hanging.statements.append(sql.SQL("alter table {} replica identity {}").format(pair.now(), kind))
        hanging.goes_over.append(f"replica identity of {pair.name}")
    if identity == "i":
        hanging.refusals.append(f"the replica identity of {pair.name} is an index; set it to default or full first")
    for option in sorted(set(options) - set(new[3])):
        name, _, value = option.partition("=")
        hanging.statements.append(
            sql.SQL("alter table {} set ({} = {})").format(pair.now(), sql.SQL(name), sql.Literal(value))
        )
        hanging.goes_over.append(f"setting {option} of {pair.name}")


def _policies(connection: Connection, pair: Pair, hanging: Hanging) -> None:
    if pair.new_place is not None:
        # from a time when it had the names before
        for name, *_ in connection.execute(
            statement("handover_policies"), {"place": pair.beside().as_string(connection)}
        ).fetchall():
            hanging.statements.append(sql.SQL("drop policy {} on {}").format(sql.Identifier(name), pair.now()))
    for name, permissive, command, roles, using, check in connection.execute(
        statement("handover_policies"), {"place": pair.now().as_string(connection)}
    ).fetchall():
        if pair.new_place is None:
            hanging.refusals.append(f"policy {name} stands on {pair.name}, which the version does not have; drop it")
            continue
        parts: list[sql.Composable] = [
            sql.SQL("create policy {} on {} as {} for {} to {}").format(
                sql.Identifier(name),
                pair.now(),
                sql.SQL("permissive" if permissive else "restrictive"),
                sql.SQL(command),
                sql.SQL(", ").join(map(role_identifier, roles)),
            )
        ]
        # both are expressions that PostgreSQL has written out
        if using is not None:
            parts.append(sql.SQL(f"using ({using})"))
        if check is not None:
            parts.append(sql.SQL(f"with check ({check})"))
        hanging.statements.append(sql.SQL(" ").join(parts))
        hanging.goes_over.append(f"policy {name} on {pair.name}")


def _publications(connection: Connection, pair: Pair, hanging: Hanging) -> None:
    for name, owner, may_act, columns, condition in connection.execute(
        statement("handover_publications"), {"place": pair.now().as_string(connection)}
    ).fetchall():
        publication = sql.Identifier(name)
        if not may_act:
            hanging.refusals.append(
                f"publication {name} belongs to {owner}, whom this login may not act as; use a superuser"
            )
        if pair.new_place is None or not set(columns) <= set(types_at(connection, pair.beside())):
            hanging.refusals.append(f"publication {name} has columns of {pair.name} that the version does not have")
            continue
        old = sql.Identifier(pair.old_place or "")
        hanging.acting.append((owner, sql.SQL("alter publication {} drop table {}").format(publication, old)))
        parts: list[sql.Composable] = [sql.SQL("alter publication {} add table {}").format(publication, pair.now())]
        if columns:
            parts.append(sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Identifier, columns))))
        if condition is not None:
            parts.append(sql.SQL(f"where ({condition})"))
        hanging.acting.append((owner, sql.SQL(" ").join(parts)))
        hanging.goes_over.append(f"publication {name} of {pair.name}")


def _grants_of(connection: Connection, place: sql.Identifier) -> list[tuple[str, str | None, bool, str | None]]:
    found = connection.execute(statement("handover_grants"), {"place": place.as_string(connection)})
    return [(privilege, grantee, grantable, column) for privilege, grantee, grantable, column in found]


def _is_there(connection: Connection, name: str) -> bool:
    row = connection.execute("select to_regclass(quote_ident(%s)) is not null", (name,)).fetchone()
    return row == (True,)
