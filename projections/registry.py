"""Which projections and event types there are: ours, and those of installed packages, found by entry point."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from temple_ledger.domain.catalogue import CATALOGUE, Catalogue, EventType
from temple_ledger.domain.errors import ProjectionMisdeclared, UnknownName
from temple_ledger.domain.event import Event
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tally import Tally

PROJECTIONS: Final = "temple_ledger.projections"
"""Entry points of this group name a MemberProjection or a Tally."""

EVENTS: Final = "temple_ledger.events"
"""Entry points of this group name a list of event classes, or of EventType: they belong to the catalogue too."""


@cache
def installed() -> Mapping[str, Projection]:
    """By name, ours first. Raises ProjectionMisdeclared for an entry point that is none."""
    found: dict[str, Projection] = {each.name: each for each in BUILT_IN}
    for point in entry_points(group=PROJECTIONS):
        projection = _load(point)
        if not isinstance(projection, MemberProjection | Tally):
            raise ProjectionMisdeclared(f"entry point {point.name} ({point.value}) is no projection")
        if found.setdefault(projection.name, projection) is not projection:
            raise ProjectionMisdeclared(f"two projections are called {projection.name}; rename {point.value}")
    _each_table_once(found.values())
    return found


@cache
def catalogue() -> Catalogue:
    """Our event types, those that installed packages list, and those that rules of installed projections read."""
    added: list[EventType] = []
    for point in entry_points(group=EVENTS):
        types = _load(point)
        if not isinstance(types, Iterable):
            raise ProjectionMisdeclared(f"entry point {point.name} ({point.value}) is no list of event types")
        added.extend(_event_type(each, point) for each in types)
    known = CATALOGUE.extended(added) if added else CATALOGUE
    for projection in installed().values():
        if isinstance(projection, MemberProjection):
            known = known.with_models(projection.steps)
    return known


def _event_type(listed: object, point: EntryPoint) -> EventType:
    if isinstance(listed, EventType):
        return listed
    if isinstance(listed, type) and issubclass(listed, Event):
        return CATALOGUE.type_of(listed)
    raise ProjectionMisdeclared(f"entry point {point.name} ({point.value}) lists {listed!r}, which is no event")


def named(name: str) -> Projection:
    """Raises UnknownName, with near names."""
    try:
        return installed()[name]
    except KeyError:
        near = get_close_matches(name, installed(), n=3, cutoff=0.5)
        raise UnknownName("projection", name, tuple(near or sorted(installed()))) from None


def _load(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:
        raise ProjectionMisdeclared(
            f"entry point {point.name} ({point.value}) cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def _each_table_once(projections: Iterable[Projection]) -> None:
    owner: dict[str, str] = {}
    for projection in projections:
        for table in projection.tables:
            first = owner.setdefault(table.name, projection.name)
            if first != projection.name:
                raise ProjectionMisdeclared(f"projections {first} and {projection.name} both keep table {table.name}")
