"""What every command has at hand: the settings, the database, and where to print."""

import getpass
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.domain.instant import format_instant
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.settings import Settings

LONGEST_ID: Final = 20
"""Characters of the longest Discord id."""


class Session:
    """Given to every command as its `obj`. Data goes to stdout, everything else to stderr."""

    def __init__(self, flags: Mapping[str, Any], load: Callable[[Mapping[str, Any]], Settings]) -> None:
        self.flags = flags
        self._load = load
        self.progress = Console(stderr=True, highlight=False)

    @cached_property
    def settings(self) -> Settings:
        """Raises SettingsInvalid."""
        return self._load(self.flags)

    @cached_property
    def embedded(self) -> EmbeddedServer | None:
        """None where TEMPLE_DATABASE_URL names a server."""
        return EmbeddedServer(self.settings.home) if self.settings.database_url is None else None

    @cached_property
    def database(self) -> Database:
        """Starts the embedded server where there is need, and makes none. Raises DatabaseUnavailable."""
        server = self.existing_server()
        if server is None:
            return self._given_database()
        return Database(server.start(), self._embedded_name())

    def running_database(self) -> Database:
        """Neither made nor started. Raises DatabaseUnavailable."""
        server = self.existing_server()
        if server is None:
            return self._given_database()
        if not server.running():
            raise DatabaseUnavailable(f"{self._embedded_name()} is stopped; run: temple db start")
        return Database(server.dsn(), self._embedded_name())

    def existing_server(self) -> EmbeddedServer | None:
        """None where TEMPLE_DATABASE_URL names a server. Raises DatabaseUnavailable where there is no ledger at all:
        an empty one that was made a moment ago would answer that all is well.
        """
        server = self.embedded
        if server is not None and not server.data_dir.exists():
            raise DatabaseUnavailable(
                f"there is no ledger here: no TEMPLE_DATABASE_URL is set, and {self.settings.home} has no embedded "
                "database; set one of them, or begin a ledger with: temple up"
            )
        return server

    def make_database(self) -> None:
        """For the few commands that may: the embedded database, with its tables, where there is none yet.

        Raises DatabaseUnavailable.
        """
        server = self.embedded
        if server is None or server.data_dir.exists():
            return
        from temple_ledger.infrastructure.database.schema import bring_up_to_date

        database = Database(server.start(), self._embedded_name())
        bring_up_to_date(database)
        self.say(f"made {database.name}")

    @property
    def operator(self) -> str:
        """Who does what is done, for the operations journal: the setting, or the account of this machine."""
        return self.settings.operator or _account()

    def reach(self) -> None:
        """Starts the embedded server where there is need. Raises DatabaseUnavailable."""
        _ = self.database

    def _given_database(self) -> Database:
        url = self.settings.database_url
        return Database("" if url is None else url.get_secret_value(), "the database of TEMPLE_DATABASE_URL")

    def _embedded_name(self) -> str:
        return f"the embedded database in {self.settings.home}"

    def say(self, text: str) -> None:
        """To stderr: what is going on."""
        self.progress.print(text, markup=False, soft_wrap=True)


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # in a container, an account may be a number without a name
        return f"uid {os.getuid()}"


def print_json(data: object) -> None:
    """An object with `data`, in one line."""
    click.echo(json.dumps({"data": data}, default=_plain, ensure_ascii=False))


def print_rows(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, title: str | None = None
) -> None:
    """The rows as a table, or as JSON with every key they have."""
    if as_json:
        print_json(list(rows))
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        number = bool(rows) and isinstance(rows[0].get(column), int)
        # ids, times and positions stay whole on a narrow terminal: what is long anyway gives way
        short = all(len(_cell(row.get(column))) <= LONGEST_ID for row in rows)
        table.add_column(
            column.replace("_", " "), justify="right" if number else "left", overflow="fold", no_wrap=short
        )
    for row in rows:
        table.add_row(*[_cell(row.get(column)) for column in columns])
    width = None if sys.stdout.isatty() else 200
    console = Console(highlight=False, markup=False, width=width)
    # by way of click, which leaves it to the caller that nobody reads any more
    with console.capture() as captured:
        console.print(table)
    click.echo(captured.get(), nl=False)


def print_fields(fields: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing, a line for each of its fields."""
    if as_json:
        print_json(dict(fields))
        return
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        click.echo(f"{name.replace('_', ' '):<{width}}  {_cell(value)}")


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, default=_plain, ensure_ascii=False)
    return str(value)


def _plain(value: object) -> object:
    return format_instant(value) if isinstance(value, datetime) else str(value)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON: an object with `data`.")
"""The option of every command that shows a table."""
