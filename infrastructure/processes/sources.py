"""Which sources there are: the built-in ones, and those that installed packages add."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.raised import describe_error
from temple_ledger.infrastructure.observability.redaction import scrubbed
from temple_ledger.infrastructure.sources.source import PersonalData, Source, Worker

if TYPE_CHECKING:
    # what commands need; the names of sources are known without
    import psycopg

    from temple_ledger.infrastructure.ingestion.inbox.translator import Translator
    from temple_ledger.infrastructure.ingestion.webhooks.endpoint import Endpoint
    from temple_ledger.infrastructure.queries.from_sources import FromSources
    from temple_ledger.infrastructure.queries.sentence import Actor
    from temple_ledger.infrastructure.settings import Settings, SourceSettings
    from temple_ledger.infrastructure.terminal.session import Session

GROUP: Final = "temple_ledger.sources"
"""Entry points of this group name a Source; the name of the point is the source's."""

TRANSLATORS: Final = "temple_ledger.translators"
"""The small way: entry points of this group name a Maker, of a source that has a translator and nothing else."""

BUILT_IN: Final[Mapping[str, str]] = {
    "discord": "temple_ledger.infrastructure.sources.discord.source:discord",
    "patreon": "temple_ledger.infrastructure.sources.patreon.source:patreon",
}
"""By source, MODULE:NAME of a Source."""

RESERVED: Final = frozenset(
    {
        *(
            "archive",
            "config",
            "database",
            "db",
            "demo",
            "doctor",
            "down",
            "drift",
            "effects",
            "events",
            "failures",
            "feed",
            "feeds",
            "fleet",
            "in_future",
            "inbox",
            "log",
        ),
        *("member", "members", "monitoring", "operations", "parked", "patrons_without_discord", "projection"),
        *(
            "actions",
            "operate",
            "projections",
            "receive",
            "reconcile",
            "repair",
            "replay",
            "role",
            "run",
            "running",
            "seal",
            "seals",
        ),
        *("sources", "status", "trigger", "troubles", "up", "verified", "verify", "web"),
        *("admin", "healthz", "live", "roles", "sign_in", "sign_out", "static"),
    }
)
"""Verbs of `temple`, keys of what status --json prints, and pages of the console: no source is called so."""

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,49}")
ENDPOINT: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

Maker = Callable[["Settings"], "Translator | None"]
"""Makes the translator of a source from the settings; None when they do not ask for it."""

Part = TypeVar("Part")


class SourceMisdeclared(LedgerError):
    """`source` is the name of its entry point; the other sources go on."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"source {source} {reason}")
        self.source = source


@dataclass(frozen=True)
class Installed:
    """The built-in ones first. `failed` are those that could not be loaded, with the reason."""

    sources: Sequence[Source]
    failed: Sequence[SourceMisdeclared]

    def models(self) -> "list[type[SourceSettings]]":
        return [model for source in self.sources if (model := source.settings()) is not None]


@dataclass(frozen=True)
class Parts(Generic[Part]):
    """What the sources bring of one kind; by source, why some brought nothing."""

    made: Sequence[Part]
    failed: Mapping[str, LedgerError]


def declared_sources() -> Installed:
    """Those whose declaration loads. Cheap: what `temple --help` asks."""
    sources: dict[str, Source] = {}
    failed: list[SourceMisdeclared] = []
    for name, load in _declarations():
        try:
            if name in sources:
                raise SourceMisdeclared(name, "is declared twice; rename one of the entry points")
            sources[name] = load()
        except SourceMisdeclared as error:
            failed.append(error)
    return Installed(list(sources.values()), failed)


def installed_sources() -> Installed:
    """Those whose declaration loads, and whose settings have names of their own."""
    from temple_ledger.infrastructure.settings import setting_names

    declared = declared_sources()
    sources: list[Source] = []
    failed = list(declared.failed)
    taken = set(setting_names([]))
    for source in declared.sources:
        try:
            names = _setting_names(source)
            if both := sorted(taken & names):
                raise SourceMisdeclared(source.name, f"has settings that are there already: {', '.join(both)}")
            taken |= names
            sources.append(source)
        except SourceMisdeclared as error:
            failed.append(error)
    return Installed(sources, failed)


def translators(settings: "Settings") -> "Parts[Translator]":
    """Those that the settings ask for."""
    found = _parts("its translator", lambda source: [(source.name, source.translator(settings))], _translates)
    return Parts([translator for _, translator in found.made if translator is not None], found.failed)


def endpoints(settings: "Settings") -> "Parts[Endpoint]":
    """Those that the settings ask for."""
    taken: set[str] = set()

    def check(source: Source, endpoint: "Endpoint") -> None:
        """The path says whose it is, and is there once."""
        if endpoint.source != source.name or not ENDPOINT.fullmatch(endpoint.name) or endpoint.path in taken:
            raise SourceMisdeclared(
                source.name,
                f"has an endpoint at {endpoint.path}: each of its paths is /hooks/{source.name}/ and a name of its "
                "own, of lower-case letters, digits, - and _",
            )
        taken.add(endpoint.path)

    return _parts("its endpoints", lambda source: source.endpoints(settings), check)


def workers(session: "Session", *, own_processes: bool) -> "Parts[Worker]":
    """Those that run beside the translators; with *own_processes* also those that have a command of their own."""
    found = _parts("its workers", lambda source: source.workers(session), lambda _, __: None)
    return Parts([each for each in found.made if own_processes or not each.own_process], found.failed)


def personal_data() -> "Parts[PersonalData]":
    """Where each of them refers to persons."""
    return _parts("a list of its personal data", lambda source: [source.personal_data()], lambda _, __: None)


def actors() -> "Mapping[str, Actor]":
    """The bots by which sources act, by id; those of a source that cannot list them are people like others."""
    found: dict[str, Actor] = {}
    for source in declared_sources().sources:
        with suppress(Exception):
            found |= source.actors()
    return found


def from_sources(settings: "Settings") -> "FromSources":
    """What they contribute to answers; in the place of a page that cannot be made stands the reason."""
    from temple_ledger.infrastructure.queries.from_sources import FromSources
    from temple_ledger.infrastructure.queries.source_page import SourcePage

    def pages(connection: "psycopg.Connection[Any]") -> Sequence[SourcePage]:
        found = _parts("its page", lambda source: [source.page(connection, settings)], lambda _, __: None)
        made = [page for page in found.made if page is not None]
        return made + [SourcePage(name.capitalize(), [], notes=[str(error)]) for name, error in found.failed.items()]

    return FromSources(actors(), pages)


def reason_of(error: BaseException) -> str:
    """One line, for somebody who did not write that package."""
    return scrubbed(describe_error(error))


def _parts(what: str, make: Callable[[Source], Iterable[Part]], check: Callable[[Source, Part], None]) -> Parts[Part]:
    made: list[Part] = []
    failed: dict[str, LedgerError] = {}
    for source in installed_sources().sources:
        try:
            parts = list(make(source))
            for part in parts:
                check(source, part)
            made += parts
        except LedgerError as error:
            failed[source.name] = error
        except Exception as error:  # noqa: BLE001 -- the package is somebody else's, and the other sources go on
            failed[source.name] = SourceMisdeclared(source.name, f"cannot make {what}: {reason_of(error)}")
    return Parts(made, failed)


def _translates(source: Source, part: "tuple[str, Translator | None]") -> None:
    translator = part[1]
    if translator is not None and translator.source != source.name:
        raise SourceMisdeclared(source.name, f"has a translator of source {translator.source}")


def _declarations() -> Iterator[tuple[str, Callable[[], Source]]]:
    for name, place in BUILT_IN.items():
        yield name, partial(_loaded, EntryPoint(name, place, GROUP))
    points = entry_points()  # once: it reads a file of each installed package
    for point in sorted(points.select(group=GROUP)):
        yield point.name, partial(_loaded, point)
    for point in sorted(points.select(group=TRANSLATORS)):
        yield point.name, partial(_TranslatorOnly, point)


def _loaded(point: EntryPoint) -> Source:
    """Raises SourceMisdeclared."""
    try:
        with redirect_stdout(sys.stderr):
            source = point.load()
    except (Exception, SystemExit) as error:
        from temple_ledger.projections.frames import place_of

        raise SourceMisdeclared(point.name, f"cannot be loaded: {reason_of(error)}{place_of(error)}") from error
    if not isinstance(source, Source):
        raise SourceMisdeclared(
            point.name, f"cannot be loaded: {point.value} is of type {type(source).__name__}, not a Source"
        )
    if not NAME.fullmatch(point.name) or point.name in RESERVED:
        raise SourceMisdeclared(point.name, "needs another name: lower-case letters, digits and _, and none of ours")
    if getattr(source, "name", None) != point.name:
        raise SourceMisdeclared(point.name, f"cannot be loaded: {point.value} has another name than its entry point")
    return source


def _setting_names(source: Source) -> set[str]:
    try:
        model = source.settings()
        return set() if model is None else set(model.model_fields)
    except Exception as error:
        raise SourceMisdeclared(source.name, f"cannot be loaded: {reason_of(error)}") from error


class _TranslatorOnly(Source):
    """A source that is a translator and nothing else."""

    def __init__(self, point: EntryPoint) -> None:
        self.name = point.name
        self._point = point

    def translator(self, settings: "Settings") -> "Translator | None":
        maker: Maker = self._point.load()
        return maker(settings)
