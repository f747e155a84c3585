"""The port of a source: a platform that sends us things, and everything that it brings to the ledger.

A package offers one by an entry point of the group `temple_ledger.sources`, whose name is the source's:

    class Shop(Source):
        name = "shop"
        ...

    shop = Shop()

`temple receive`, `up`, `status`, the metrics and the command line go through all sources that are installed.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from temple_ledger.infrastructure.queries.health import Health as Health
from temple_ledger.infrastructure.queries.health import Trouble as Trouble
from temple_ledger.infrastructure.terminal.lazy import Verb

if TYPE_CHECKING:
    # `temple --help` loads the module of each source, and nothing that commands need
    import psycopg

    from temple_ledger.infrastructure.database.service_logins import ServiceLogin
    from temple_ledger.infrastructure.ingestion.inbox.translator import Translator
    from temple_ledger.infrastructure.ingestion.webhooks.endpoint import Endpoint
    from temple_ledger.infrastructure.observability.metrics.ledger import Reading
    from temple_ledger.infrastructure.queries.sentence import Actor
    from temple_ledger.infrastructure.queries.source_page import SourcePage
    from temple_ledger.infrastructure.read_models.feed.sink import Sink
    from temple_ledger.infrastructure.read_models.feed.sink_settings import SinkSettings
    from temple_ledger.infrastructure.settings import Settings, SourceSettings
    from temple_ledger.infrastructure.sources.sign_in import AccountSignIn
    from temple_ledger.infrastructure.terminal.session import Session


def _no_other_ids(connection: "psycopg.Connection[Any]", ids: Sequence[str]) -> Iterable[str]:
    return ()


@dataclass(frozen=True)
class PersonalData:
    """Where a source's own tables are about a person, so that erasing one reaches them.

    `columns`, by table: a row goes in which one of them is an id of the person; where an id stands in any other column,
    it alone is replaced. `notes` are keys of metadata that lead back to the person at the source. `ids_of` returns by
    which other ids the source refers to whoever has these; it reads as temple_owner.
    """

    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    ids_of: "Callable[[psycopg.Connection[Any], Sequence[str]], Iterable[str]]" = _no_other_ids


@dataclass(frozen=True)
class Worker:
    """At work, in threads of its own, while the block of `running()` lasts.

    It runs beside the translators, in `temple receive` and `temple up`; one with `own_process` has a command of its
    own for production, and only `temple up` and `temple fleet listen` run it as well. `login` is what that command logs
    in as.
    """

    name: str
    running: Callable[[], AbstractContextManager[object]]
    own_process: bool = field(default=False, kw_only=True)
    login: "ServiceLogin | None" = field(default=None, kw_only=True)


class Source:
    """Derive from it, name it, and override what the source has; nothing else is needed.

    Whatever a method raises is shown as one sentence, and stops no other source.
    """

    name: str
    """Lower-case letters, digits and _; its deliveries, its path below /hooks and its verb are called so."""

    command: Verb | None = None
    """`temple NAME`: a click command or group of that name."""

    former_verbs: Mapping[str, Verb] = MappingProxyType({})
    """Commands that were once called so at the top level; not shown, and for one release only."""

    runs_as: str = "temple receive"
    """The command that translates its deliveries in production."""

    verified_by: str | None = None
    """The setting whose secret verifies its webhooks: without it there are no endpoints. None: there never are."""

    guild_setting: str | None = None
    """Its setting that says which guild the ledger is about: a fleet's file says it once for all sources."""

    def actors(self) -> "Mapping[str, Actor]":
        """The bots by which it acts in the guild, by id: what they are called, and what their acts follow from."""
        return {}

    def settings(self) -> "type[SourceSettings] | None":
        """The model of its settings; `settings.of(model)` are their values."""
        return None

    def endpoints(self, settings: "Settings") -> "Sequence[Endpoint]":
        """Where its webhooks come in; none where the settings do not ask for it."""
        return ()

    def translator(self, settings: "Settings") -> "Translator | None":
        """None where the settings do not ask for one."""
        return None

    def workers(self, session: "Session") -> Iterable[Worker]:
        return ()

    def sinks(self, settings: "Settings") -> "Mapping[str, Callable[[SinkSettings], Sink]]":
        """Kinds of sinks for the messages of effects; each makes one from its settings, or raises SettingsInvalid."""
        return {}

    def health(self, connection: "psycopg.Connection[Any]", settings: "Settings") -> Health:
        """Asks only what costs the same however long the log is. The transaction is read-only, as temple_read.

        *settings* are those of the process that asks, which may be another one than works for the source.
        """
        return Health()

    def readings(self) -> "Mapping[str, Reading]":
        """What is asked at each scrape of the runner's metrics, by a name for the logs.

        A metric's name begins with `ledger_`, then the source's name.
        """
        return {}

    def page(self, connection: "psycopg.Connection[Any]", settings: "Settings") -> "SourcePage | None":
        """Its page in the console, at `/NAME`; None: it has none. Asked as one who may read the ledger and no more."""
        return None

    console_secrets: Collection[str] = ()
    """Settings that are secret and that its sign-in needs: the console is given no other one."""

    def sign_in(self, settings: "Settings") -> "AccountSignIn | None":
        """How its people sign in to the console; None where the settings do not ask for it.

        Raises SettingsInvalid where they ask for half of it.
        """
        return None

    def personal_data(self) -> PersonalData:
        return PersonalData()
