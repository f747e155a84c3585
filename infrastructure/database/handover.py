"""A table given to another one's place: names, views, grants and comments, as statements."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import sql

from temple_ledger.infrastructure.database.statements import statement

Connection = psycopg.Connection[Any]

OWNER: Final = "temple_owner"


@dataclass(frozen=True)
class Pair:
    """What has `name` now, and where it goes; and what gets the name, and where it is.

    Either may be missing: a version has a table that the other one has not.
    """

    name: str
    old_place: str | None
    new_place: str | None
    kind: str = "table"
    """A table, or the view of a rollup."""

    @property
    def gives_way(self) -> bool:
        return self.old_place is not None

    def now(self) -> sql.Identifier:
        return sql.Identifier(self.name)

    def beside(self) -> sql.Identifier:
        return sql.Identifier(self.new_place or "")


@dataclass(frozen=True)
class View:
    schema: str
    name: str
    owner: str
    definition: str
    options: Sequence[str]
    grants: Sequence[tuple[str, str | None, bool, str | None]]
    comments: Sequence[tuple[str | None, str]]

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    def __str__(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


@dataclass
class Hanging:
    """`views`: first those that others read. `goes_over` is for people, `refusals` are sentences."""

    views: list[View] = field(default_factory=list)
    statements: list[sql.Composed] = field(default_factory=list)
    acting: list[tuple[str, sql.Composed]] = field(default_factory=list)
    """What only somebody else may do: the role, and the statement."""
    goes_over: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def drop_views(hanging: Hanging) -> Iterator[tuple[str, sql.Composed]]:
    """As whom, and what: first those that are read by no other."""
    for view in reversed(hanging.views):
        yield view.owner, sql.SQL("drop view {}").format(view.identifier)


def rename(pairs: Sequence[Pair]) -> Iterator[sql.Composed]:
    for pair in pairs:
        if pair.old_place is not None:
            yield _renamed(pair, pair.now(), sql.Identifier(pair.old_place))
    for pair in pairs:
        if pair.new_place is not None:
            yield _renamed(pair, pair.beside(), pair.now())


def _renamed(pair: Pair, before: sql.Identifier, after: sql.Identifier) -> sql.Composed:
    return sql.SQL("alter {} {} rename to {}").format(sql.SQL(pair.kind), before, after)


def lock(pairs: Sequence[Pair]) -> sql.Composed:
    tables = [pair for pair in pairs if pair.kind == "table"]
    there = [pair.now() for pair in tables if pair.old_place is not None]
    there += [pair.beside() for pair in tables if pair.new_place is not None]
    return sql.SQL("lock table {} in access exclusive mode").format(sql.SQL(", ").join(there))


def make_views(hanging: Hanging) -> Iterator[tuple[str, sql.Composed]]:
    """As whom, and what: the definition of before, read against the tables that have the names now."""
    for view in hanging.views:
        options = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.SQL(name), sql.Literal(value))
            for name, _, value in (option.partition("=") for option in view.options)
        )
        given = sql.SQL(" with ({})").format(options) if view.options else sql.SQL("")
        # the definition is PostgreSQL's own text of what it has stored
        text = sql.SQL(view.definition)
        yield view.owner, sql.SQL("create view {}{} as {}").format(view.identifier, given, text)
        for grant in view.grants:
            yield view.owner, grant_statement(view.identifier, *grant)
        for column, comment in view.comments:
            yield view.owner, comment_statement("view", view.identifier, view.name, column, comment)


def grant_statement(
    place: sql.Identifier, privilege: str, grantee: str | None, grantable: bool, column: str | None
) -> sql.Composed:
    return sql.SQL("grant {}{} on {} to {}{}").format(
        sql.SQL(privilege),
        sql.SQL("") if column is None else sql.SQL(" ({})").format(sql.Identifier(column)),
        place,
        role_identifier(grantee),
        sql.SQL(" with grant option" if grantable else ""),
    )


def revoke_statement(place: sql.Identifier, privilege: str, grantee: str | None, column: str | None) -> sql.Composed:
    return sql.SQL("revoke {}{} on {} from {}").format(
        sql.SQL(privilege),
        sql.SQL("") if column is None else sql.SQL(" ({})").format(sql.Identifier(column)),
        place,
        role_identifier(grantee),
    )


def comment_statement(
    kind: str, place: sql.Identifier, name: str, column: str | None, comment: str | None
) -> sql.Composed:
    if column is None:
        return sql.SQL("comment on {} {} is {}").format(sql.SQL(kind), place, sql.Literal(comment))
    return sql.SQL("comment on column {}.{} is {}").format(place, sql.Identifier(column), sql.Literal(comment))


def role_identifier(name: str | None) -> sql.Composable:
    return sql.SQL("public") if name is None else sql.Identifier(name)


def types_of(connection: Connection, place: str) -> Mapping[str, str]:
    """The columns of a table, by its name in the database."""
    return types_at(connection, sql.Identifier(place))


def key_of(connection: Connection, place: str) -> list[str]:
    """The columns of its primary key."""
    values = {"place": sql.Identifier(place).as_string(connection)}
    return [name for (name,) in connection.execute(statement("handover_key"), values)]


def types_at(connection: Connection, place: sql.Identifier) -> Mapping[str, str]:
    found = connection.execute(statement("handover_table"), {"place": place.as_string(connection)})
    return dict(found.fetchall())


def acting_as(role: str) -> sql.Composed:
    """For the rest of the transaction."""
    return sql.SQL("set local role {}").format(sql.Identifier(role))
