"""What every command has at hand: the settings, the database, and where to print."""

import getpass
import json
import os
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Final, TypeVar

import click
from rich.console import Console

from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError
from temple_ledger.domain.instant import format_instant, in_utc
from temple_ledger.infrastructure.database.connection import Database, IsStandby
from temple_ledger.infrastructure.database.service_logins import ServiceLogin, require_least_login
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.embedded_postgres.state_dir import default_state_dir
from temple_ledger.infrastructure.names.lookup import NameLookup
from temple_ledger.infrastructure.names.name import PersonKind, PersonName
from temple_ledger.infrastructure.observability.escaping import printable
from temple_ledger.infrastructure.queries.from_sources import FromSources
from temple_ledger.infrastructure.settings import Settings, origin_of
from temple_ledger.infrastructure.terminal.layout import column_of, place, row_lines
from temple_ledger.infrastructure.terminal.printing import (
    Styled,
    notes_go_to_the_log,
    print_document,
    print_line,
    print_note,
    print_part,
    stdout,
    terminal_width,
)
from temple_ledger.infrastructure.terminal.standby import Admission, reading_database

PEOPLE: Final = frozenset({"user_id", "member", "granted_by", "by", "ended_by"})
"""Columns of tables that have the ids of people."""

IDS_ONLY: Final = "temple_ledger.ids_only"

Command = TypeVar("Command", bound=Callable[..., Any])


class Session:
    """Given to every command as its `obj`. Data goes to stdout, everything else to stderr."""

    def __init__(
        self,
        flags: Mapping[str, Any],
        load: Callable[[Mapping[str, Any]], Settings],
        bots: Callable[[], Mapping[str, str]] = dict,
        sources: Callable[[Settings], FromSources] = lambda _: FromSources(),
    ) -> None:
        """*bots*: names of those by which sources act, by id. *sources*: what they contribute to answers."""
        self.flags = flags
        self._load = load
        self._bots = bots
        self._sources = sources
        self.progress = Console(stderr=True, highlight=False)

    @cached_property
    def settings(self) -> Settings:
        """Raises SettingsInvalid."""
        return self._load(self.flags)

    @cached_property
    def from_sources(self) -> FromSources:
        return self._sources(self.settings)

    @cached_property
    def embedded(self) -> EmbeddedServer | None:
        """None where TEMPLE_DATABASE_URL names a server."""
        return EmbeddedServer(self.settings.home) if self.settings.database_url is None else None

    @cached_property
    def database(self) -> Database:
        """Starts the embedded server where there is need, and makes none. Raises DatabaseUnavailable.

        A connection to a standby is refused: those who only read ask `reading`.
        """
        return replace(self._any_database(), primary_only=True)

    @property
    def writing(self) -> Database:
        """The same for one task that somebody waits for: a database that takes no writes ends it."""
        return replace(self.database, waits_for_writes=False)

    @cached_property
    def reading(self) -> Database:
        """For those who only read: the standby of TEMPLE_READ_URL, or the database itself where none is set.

        Raises DatabaseUnavailable. A standby notes on stderr how far it is behind.
        """
        return self._for_reading(self._any_database)

    @property
    def reads_standby(self) -> bool:
        """Whether a connection has found so."""
        read = [self.__dict__[name] for name in ("reading", "running_reading") if name in self.__dict__]
        return any(isinstance(each.check, Admission) and each.check.is_standby for each in read)

    @property
    def standby(self) -> Database | None:
        """The same, but None where no standby is set."""
        return None if self.settings.read_url is None else self.reading

    @cached_property
    def running_reading(self) -> Database:
        """The same, neither made nor started. Raises DatabaseUnavailable."""
        return self._for_reading(self.running_database)

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
        self.note(f"made {database.name}")

    @property
    def runs_as(self) -> str:
        """What folds this ledger: on a server of somebody's own, `up` would have to log in as the owner."""
        return "temple up" if self.embedded is not None else "temple run"

    @property
    def operator(self) -> str:
        """Who does what is done, for the operations journal: the setting, or the account of this machine."""
        return self.settings.operator or _account()

    def reach(self) -> None:
        """Starts the embedded server where there is need. Raises DatabaseUnavailable, IsStandby for one of others.

        A database of others that is away may come back, which is not waited for here.
        """
        database = self.database
        if self.embedded is not None:
            return
        try:
            database.look(application="temple").close()
        except IsStandby:
            raise
        except LedgerError:
            # whoever works with it says what is wrong
            return

    def _given_database(self) -> Database:
        url = self.settings.database_url
        return Database("" if url is None else url.get_secret_value(), f"the database of {self.database_url_from}")

    @property
    def database_url_from(self) -> str:
        """The flag, the variable or the file that names the database, as somebody would type it."""
        origin = origin_of(Settings, "database_url", self.flags)
        return origin.removeprefix("flag ").removeprefix("environment, ").removeprefix("secret file ")

    def _any_database(self) -> Database:
        server = self.existing_server()
        return self._given_database() if server is None else Database(server.start(), self._embedded_name())

    def _for_reading(self, primary: Callable[[], Database]) -> Database:
        url = self.settings.read_url
        return reading_database(None if url is None else url.get_secret_value(), primary, self.note)

    def _embedded_name(self) -> str:
        return f"the embedded database in {self.settings.home}"

    @cached_property
    def names(self) -> NameLookup:
        """How people are called, where a listener or a file of nicknames has it."""
        bots = {user_id: PersonName(name, PersonKind.BOT) for user_id, name in self._bots().items()}
        return NameLookup(self.settings.home, self.settings.nicknames, bots=bots, note=self.note)

    def command(self, words: str) -> str:
        """As somebody types it to reach this ledger, also where a variable of this call is not set."""
        usual = default_state_dir({name: value for name, value in os.environ.items() if name != "TEMPLE_HOME"})
        if self.embedded is None or self.settings.home == usual:
            return f"temple {words}"
        return f"temple --home {shlex.quote(str(self.settings.home))} {words}"

    def note(self, text: str) -> None:
        """To stderr: what is going on."""
        print_note(text)

    def serves_as(self, service: ServiceLogin) -> None:
        """From now on no connection is made as a superuser or as the owner, unless the settings allow it."""
        if self.embedded is None and not self.settings.services_as_owner:
            self.database = replace(self.database, check=partial(require_least_login, service=service))

    def is_service(self) -> None:
        """From now on notes go where the log goes, in its form."""
        notes_go_to_the_log()


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # in a container, an account may be a number without a name
        return f"uid {os.getuid()}"


def print_json(data: object, **beside: object) -> None:
    """An object with `data`, and whatever stands *beside* it, in one line."""
    print_document(json.dumps({"data": data, **beside}, default=_plain, ensure_ascii=False))


def print_json_list(items: Iterable[object]) -> None:
    """The same of a list, as it comes: all of it may be more than memory holds."""
    print_part('{"data": [')
    for number, item in enumerate(items):
        print_part(f"{', ' if number else ''}{json.dumps(item, default=_plain, ensure_ascii=False)}")
    print_document("]}")


def print_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    as_json: bool,
    title: str | None = None,
    err: bool = False,
) -> None:
    """The rows as a table, or as JSON with every key they have."""
    if as_json:
        print_json(list(rows))
        return
    if title is not None:
        print_line(Styled(title, bold=True), err=err)
    rows = with_names(rows, columns)
    headings = [_heading(column, [row.get(column) for row in rows]) for column in columns]
    table = [[printable(_cell(row.get(column))) for column in columns] for row in rows]
    shapes = [
        column_of(
            [heading, *(cells[number] for cells in table)],
            right=bool(rows) and _is_number(rows[0].get(columns[number])),
            prose=any(_is_prose(row.get(columns[number])) for row in rows),
        )
        for number, heading in enumerate(headings)
    ]
    lines = place(shapes, terminal_width(stdout()))
    for line in row_lines(headings, lines):
        print_line(Styled(line, bold=True), err=err)
    for cells in table:
        for line in row_lines(cells, lines):
            print_line(line, err=err)


def with_names(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """For people: the name beside the id of each person, where one is known and --ids was not given."""
    people = [column for column in columns if column in PEOPLE]
    ids = {str(row[column]) for row in rows for column in people if row.get(column)}
    known = names_of(ids)
    if not known:
        return rows
    return [
        {**row, **{column: known.get(str(row[column]), row[column]) for column in people if row.get(column)}}
        for row in rows
    ]


def names_of(ids: Collection[str]) -> dict[str, str]:
    """`Ada (500000000000000001)`, by id, of those whose name is known; none where --ids was given."""
    ctx = click.get_current_context(silent=True)
    if not ids or ctx is None or not isinstance(ctx.obj, Session) or ctx.meta.get(IDS_ONLY):
        return {}
    return {user_id: f"{found.name} ({user_id})" for user_id, found in ctx.obj.names.of(ids).items()}


def print_fields(fields: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing, a line for each of its fields."""
    if as_json:
        print_json(dict(fields))
        return
    [fields] = with_names([fields], list(fields))
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        print_line(f"{name.replace('_', ' '):<{width}}  {_cell(value)}{' UTC' if isinstance(value, datetime) else ''}")


def _heading(column: str, values: Sequence[object]) -> str:
    name = column.replace("_", " ")
    return f"{name} (UTC)" if any(isinstance(value, datetime) for value in values) else name


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_prose(value: object) -> bool:
    """Whether it may be folded between its words."""
    return isinstance(value, str | dict | list | tuple) and " " in _cell(value)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return in_utc(value).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, default=_plain, ensure_ascii=False)
    return str(value)


def _plain(value: object) -> object:
    return format_instant(value) if isinstance(value, datetime) else str(value)


def _ids_only(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        ctx.meta[IDS_ONLY] = True


def as_json(command: Command) -> Command:
    """The options of every command that shows a table: `as_json` is a keyword of it."""
    ids = click.option(
        "--ids", is_flag=True, expose_value=False, callback=_ids_only, help="Show people by their ids alone."
    )
    return click.option("--json", "as_json", is_flag=True, help="Print JSON: an object with `data`.")(ids(command))
