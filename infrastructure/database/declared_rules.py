"""What a projection declares of the rows of a table beside its columns: defaults and checks.

A check has a name that is made of what it says, so that one that changed is another one. Whatever check or constraint
somebody else made on the table is theirs.
"""

from hashlib import sha256
from typing import Any, Final

import psycopg
from psycopg import sql

from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.infrastructure.database.literals import condition_expression, default_literal
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.tables import place_of
from temple_ledger.projections.condition import Condition
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.tables import Column, Table

Connection = psycopg.Connection[Any]

_PREFIX: Final = "declared_"


def keep_defaults(connection: Connection, table: Table) -> None:
    """As temple_owner. Changes no row: a row of a fold has a value for each column."""
    found = dict(connection.execute(statement("declared_defaults"), _at(connection, table)).fetchall())
    for column in table.columns:
        there, name = found.get(column.name), sql.Identifier(column.name)
        if column.default is None and there is not None:
            _alter(connection, table, sql.SQL("alter column {} drop default").format(name))
        elif column.default is not None and (there is None or not _is_same(connection, there, column)):
            setting = sql.SQL("alter column {} set default {}").format(name, default_literal(column))
            _alter(connection, table, setting)


def _is_same(connection: Connection, there: str, column: Column) -> bool:
    # PostgreSQL's own text of what it has stored
    stored = sql.SQL(there)
    query = sql.SQL("select ({}) is not distinct from {}").format(stored, default_literal(column))
    return connection.execute(query).fetchone() == (True,)


def keep_checks(connection: Connection, table: Table, key: ProjectionKey) -> None:
    """As temple_owner. Reads the whole table for a new one, while nobody else does.

    Raises SchemaMismatch where a row is there for which it does not hold.
    """
    there, wanted = _stored(connection, table), _wanted(table)
    for name in sorted(there - wanted.keys()):
        _alter(connection, table, sql.SQL("drop constraint {}").format(sql.Identifier(name)))
    for name, check in wanted.items():
        if name in there:
            continue
        adding = sql.SQL("add constraint {} check ({})").format(sql.Identifier(name), condition_expression(check))
        try:
            with connection.transaction():
                _alter(connection, table, adding)
        except psycopg.errors.CheckViolation as error:
            raise SchemaMismatch(
                f"the check {check} does not hold for every row of table {table.name}; raise the version of projection "
                f"{key.name} to {key.version + 1} and run: temple db migrate"
            ) from error


def difference_of_checks(connection: Connection, table: Table) -> str | None:
    """What a migration has not made yet, or not taken away."""
    there, wanted = _stored(connection, table), _wanted(table)
    missing = [check for name, check in wanted.items() if name not in there]
    if missing:
        return f"the check {missing[0]} is missing"
    return "it has a check that is declared no more" if there - wanted.keys() else None


def _wanted(table: Table) -> dict[str, Condition]:
    return {f"{_PREFIX}{sha256(str(check).encode()).hexdigest()[:16]}": check for check in table.checks}


def _stored(connection: Connection, table: Table) -> set[str]:
    return {name for (name,) in connection.execute(statement("declared_checks"), _at(connection, table))}


def _alter(connection: Connection, table: Table, what: sql.Composed) -> None:
    connection.execute(sql.SQL("alter table {} {}").format(place_of(table), what))


def _at(connection: Connection, table: Table) -> dict[str, Any]:
    return {"place": place_of(table).as_string(connection), "prefix": _PREFIX}
