"""Databases made and dropped as wholes, on a server of our own: for tests, each of which has one."""

from typing import Any

import psycopg
from psycopg import sql


def create_database(admin: psycopg.Connection[Any], name: str, *, template: str | None = None) -> None:
    """Empty, or a copy of *template*, to which nobody may be connected. *admin* is in autocommit."""
    if template is None:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return
    names = map(sql.Identifier, (name, template))
    admin.execute(sql.SQL("create database {} template {} strategy file_copy").format(*names))


def drop_database(admin: psycopg.Connection[Any], name: str) -> None:
    """Whoever is connected to it loses the connection."""
    admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
