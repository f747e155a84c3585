"""What every page has at hand, and what it returns."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from temple_ledger.infrastructure.database.pool import Connection, Pool
from temple_ledger.infrastructure.database.standby import standby_delay
from temple_ledger.infrastructure.names.lookup import NameLookup
from temple_ledger.infrastructure.operating.wire import Actions
from temple_ledger.infrastructure.processes.sources import Installed
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, read_directory
from temple_ledger.infrastructure.queries.sentence import Actor, Narrator
from temple_ledger.infrastructure.settings import Setting, Settings
from temple_ledger.infrastructure.web.asked import Asked
from temple_ledger.infrastructure.web.figures import Figures
from temple_ledger.infrastructure.web.listing import Listing
from temple_ledger.infrastructure.web.sign_in import SignIn


@dataclass
class Standby:
    """What pages say where they are read on a standby: how far behind it was the last time that somebody read."""

    sentence: str | None = None

    def look(self, connection: Connection) -> None:
        delay = standby_delay(connection)
        self.sentence = None if delay is None else f"Read from a standby, {delay.sentence}."


@dataclass(frozen=True)
class Console:
    pool: Pool
    sign_in: SignIn
    names: NameLookup
    figures: Figures
    sources: Installed
    actors: Mapping[str, Actor]
    settings: Settings
    runs_as: str
    list_settings: Callable[[], Iterator[Setting]]
    actions: Actions | None = None
    """None where it carries out none."""
    standby: Standby = field(default_factory=Standby)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state of the database for a whole page. Raises DatabaseUnavailable."""
        with self.pool.connection() as connection:
            self.standby.look(connection)
            yield connection

    def narrator(self, connection: Connection) -> tuple[RoleDirectory, Narrator]:
        directory = read_directory(connection)
        return directory, Narrator(directory, self.actors)


@dataclass
class Page:
    """`data` is for the template; `people` are the ids whose names it shows; `section` is where the menu stands.

    `live` is False for a page that shows the past, and does not change when something happens.
    """

    template: str
    title: str
    section: str
    data: dict[str, Any] = field(default_factory=dict)
    people: set[str] = field(default_factory=set)
    listing: Listing | None = None
    live: bool = True
    status: int = 200
    refresh_seconds: int | None = None
    """It looks again after so long, also without a script."""
    head: str = ""
    """Where the ledger was when the page was made, as its stream says it."""


@dataclass(frozen=True)
class Redirect:
    url: str


PageFunction = Callable[[Console, Asked], Page | Redirect]

SECTIONS: Final = (
    ("overview", "/", "Overview", "home"),
    ("members", "/members", "Members", "people"),
    ("roles", "/roles", "Roles", "shield"),
    ("events", "/events", "What happened", "list"),
    ("projections", "/projections", "Projections", "layers"),
    ("verify", "/verify", "Verify", "check"),
    ("inbox", "/inbox", "Inbox", "inbox"),
    ("operations", "/operations", "Journal", "book"),
    ("admin", "/admin", "Administration", "sliders"),
)
"""The menu: section, address, name, icon. Pages of sources come before Administration."""
