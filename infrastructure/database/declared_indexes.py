"""The indexes that a projection declares: made where they are missing, dropped where they are declared no more.

Ours have a comment that says so, and for which rows. Whatever else somebody made on the table is theirs.
"""

from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.infrastructure.database.literals import condition_expression
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.tables import Index, Table

DECLARED: Final = "declared by the projection"

Connection = psycopg.Connection[Any]


class _Shape(NamedTuple):
    """What makes one index the same as another."""

    columns: str
    kind: str
    comment: str


def keep_indexes(connection: Connection, table: Table, place: sql.Identifier, key: ProjectionKey) -> None:
    """As temple_owner. Whoever writes into a large table waits while one is made; who reads does not.

    Raises SchemaMismatch where a unique one does not hold for the rows that are there.
    """
    there = _stored(connection, place)
    wanted = {_shape(index): index for index in table.every_index}
    for shape, found in there.items():
        if shape not in wanted and is_declared(found.comment):
            connection.execute(sql.SQL(f"drop index {found.name}"))
    for shape, index in wanted.items():
        if shape not in there:
            before = {each.name for each in _indexes(connection, place)}
            _make(connection, place, table, index, key)
            (made,) = {each.name for each in _indexes(connection, place)} - before
            _mark(connection, made, shape.comment)
        elif there[shape].comment is None:
            _mark(connection, there[shape].name, shape.comment)


def difference_of_indexes(connection: Connection, table: Table, place: sql.Identifier) -> str | None:
    """A unique index that a migration has not made yet, or not taken away: any other one changes no answer."""
    there = {shape for shape in _stored(connection, place) if is_unique(shape.kind) and is_declared(shape.comment)}
    wanted = {_shape(index) for index in table.unique}
    if wanted - there:
        return f"the unique index on ({min(wanted - there).columns}) is missing"
    return f"a unique index on ({min(there - wanted).columns}) is declared no more" if there - wanted else None


def is_declared(comment: str | None) -> bool:
    return comment is not None and comment.startswith(DECLARED)


def is_unique(kind: str) -> bool:
    return kind.startswith("unique")


def _make(connection: Connection, place: sql.Identifier, table: Table, index: Index, key: ProjectionKey) -> None:
    where = sql.SQL("") if index.where is None else sql.SQL(" where {}").format(condition_expression(index.where))
    make = sql.SQL("create {}index on {} ({}){}").format(
        sql.SQL("unique " if index.unique else ""),
        place,
        sql.SQL(", ").join(map(sql.Identifier, index.columns)),
        where,
    )
    try:
        with connection.transaction():
            connection.execute(make)
    except psycopg.errors.UniqueViolation as error:
        raise SchemaMismatch(
            f"table {table.name} has rows that are the same in ({', '.join(index.columns)}), which is declared as "
            f"unique; raise the version of projection {key.name} to {key.version + 1} and run: temple db migrate"
        ) from error


def _shape(index: Index) -> _Shape:
    comment = DECLARED if index.where is None else f"{DECLARED}, where {index.where}"
    return _Shape(", ".join(index.columns), "unique btree" if index.unique else "btree", comment)


def _stored(connection: Connection, place: sql.Identifier) -> dict[_Shape, "_Found"]:
    return {_shape_of(found): found for found in _indexes(connection, place) if not found.primary}


def _shape_of(found: "_Found") -> _Shape:
    bare, _, where = found.kind.partition(" where ")
    comment = found.comment
    if comment is None and not where and not is_unique(bare):
        # made by hand, or before there were comments: it is the one that is declared
        comment = DECLARED
    return _Shape(found.columns.replace('"', ""), bare, comment or "")


class _Found(NamedTuple):
    """`name` is as PostgreSQL writes it, quoted where it has to be."""

    name: str
    columns: str
    kind: str
    primary: bool
    comment: str | None


def _indexes(connection: Connection, place: sql.Identifier) -> list[_Found]:
    found = connection.execute(statement("handover_indexes"), {"place": place.as_string(connection)})
    return [_Found(*row) for row in found]


def _mark(connection: Connection, name: str, comment: str) -> None:
    connection.execute(sql.SQL(f"comment on index {name} is {{}}").format(sql.Literal(comment)))
