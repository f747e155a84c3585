"""What installed packages declare, each loaded by itself: one that cannot be loaded stops nobody else.

Of two packages that claim one name, of an event, a projection or a table, neither is loaded: whichever were chosen, the
other one's rows would be read by the wrong rules. What Temple Ledger has itself always stays.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Final, Literal, TypeVar

from temple_ledger.domain.catalogue import CATALOGUE, Catalogue, EventType, declared_type
from temple_ledger.domain.errors import LedgerError, ProjectionMisdeclared
from temple_ledger.domain.event import Event
from temple_ledger.domain.raised import describe_error
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.frames import place_of
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tally import Tally

LONGEST_REASON: Final = 300

Kind = Literal["events", "projection"]
Declared = TypeVar("Declared")


@dataclass(frozen=True)
class NotLoaded:
    """What a package declares and this process cannot use; `place` is MODULE:NAME of its entry point.

    `name` is that of the projection where it is known by its rules, else that of the entry point.
    """

    kind: Kind
    name: str
    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.place}) cannot be loaded: {self.reason}"


@dataclass(frozen=True)
class Loaded:
    """`projections` has the highest version of each, by name, ours first; `carried` has all versions. `failed` is what
    could not be loaded, with the reason."""

    projections: Mapping[str, Projection]
    carried: Sequence[Projection]
    catalogue: Catalogue
    failed: Sequence[NotLoaded]


class _Unusable(LedgerError):
    """Why an entry point is not loaded."""


def load(event_points: Iterable[EntryPoint], projection_points: Iterable[EntryPoint]) -> Loaded:
    failed: list[NotLoaded] = []
    types = _each(event_points, "events", _event_types, failed)
    projections = _each(projection_points, "projection", _projection, failed)

    listed = {each.model for of_point in types.values() for each in of_point}
    claims = _Claims()
    for each in CATALOGUE:
        claims.ours(each, _names_of_type(each))
    for point, of_point in types.items():
        for each in of_point:
            claims.add(each, point, _names_of_type(each))
    for point, projection in projections.items():
        for each in _types_of_rules(projection, listed):
            claims.add(each, point, _names_of_type(each))
    usable = _without_contested(types, "events", claims, failed, lambda of_point: list(map(_names_of_type, of_point)))
    catalogue = CATALOGUE.extended(each for of_point in usable.values() for each in of_point)

    for built_in in BUILT_IN:
        claims.ours(built_in, _names_of_projection(built_in))
    for point, projection in projections.items():
        # several versions of one projection, with the same tables, are one package's
        claims.add((_package(point.value), projection.name), point, _names_of_projection(projection))
        claims.add(projection, point, [("version", str(projection.key))])
    broken = {_package(each.place): str(each) for each in failed if each.kind == "events"}
    projections = _without_contested(
        projections,
        "projection",
        claims,
        failed,
        lambda each: [
            _names_of_projection(each),
            [("version", str(each.key))],
            *map(_names_of_type, _types_of_rules(each, listed)),
        ],
    )
    carried: list[Projection] = list(BUILT_IN)
    for point, projection in projections.items():
        try:
            catalogue = _with_rules(catalogue, projection, broken)
        except LedgerError as error:
            failed.append(NotLoaded("projection", projection.name, point.value, _one_line(error)))
        else:
            carried.append(projection)
    return Loaded(highest(carried), tuple(carried), catalogue, tuple(failed))


def highest(carried: Iterable[Projection]) -> dict[str, Projection]:
    """Of each projection the highest version, by name, in the order of the names' first."""
    found: dict[str, Projection] = {}
    for each in carried:
        if each.name not in found or found[each.name].version < each.version:
            found[each.name] = each
    return found


def _each(
    points: Iterable[EntryPoint], kind: Kind, read: Callable[[EntryPoint], Declared], failed: list[NotLoaded]
) -> dict[EntryPoint, Declared]:
    found: dict[EntryPoint, Declared] = {}
    for point in sorted(set(points)):
        try:
            found[point] = read(point)
        except LedgerError as error:
            failed.append(NotLoaded(kind, point.name, point.value, _one_line(error)))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a package's own code: the others are loaded all the same
            failed.append(NotLoaded(kind, point.name, point.value, _one_line(error)))
    return found


def _event_types(point: EntryPoint) -> Sequence[EventType]:
    listed = point.load()
    if not isinstance(listed, Iterable):
        raise _Unusable("it is no list of event types")
    types = list(map(_event_type, listed))
    # two entries of one list may contradict each other
    Catalogue(types)
    return types


def _event_type(listed: object) -> EventType:
    if isinstance(listed, EventType):
        return listed
    if isinstance(listed, type) and issubclass(listed, Event):
        return CATALOGUE.type_of(listed)
    raise _Unusable(f"it lists {listed!r}, which is no event")


def _projection(point: EntryPoint) -> Projection:
    projection: object = point.load()
    if not isinstance(projection, MemberProjection | Tally):
        raise _Unusable("it is no projection")
    for model in _models(projection):
        declared_type(model)
    return projection


def _types_of_rules(projection: Projection, listed: Container[type[Event]]) -> list[EventType]:
    """Of the events that its rules read, those that name their type themselves and that no entry point lists."""
    models = [model for model in _models(projection) if model not in listed]
    return [known for model in models if (known := declared_type(model)) is not None]


def _models(projection: Projection) -> Iterable[type[Event]]:
    return projection.events if isinstance(projection, Tally) else projection.steps


def _with_rules(catalogue: Catalogue, projection: Projection, broken: Mapping[str, str]) -> Catalogue:
    """With the events that its rules read. Raises ProjectionMisdeclared and EventMisdeclared."""
    for model in _models(projection):
        why = broken.get(_package(model.__module__))
        if why is not None:
            raise ProjectionMisdeclared(f"its rule for {model.__name__} needs a package that is not loaded: {why}")
    return catalogue.with_models(_models(projection))


class _Claims:
    """Who claims which name. A name that several claim, with different things, belongs to none of them."""

    def __init__(self) -> None:
        self._owned: dict[Hashable, object] = {}
        self._claims: dict[Hashable, list[tuple[object, EntryPoint]]] = defaultdict(list)

    def ours(self, owned: object, names: Iterable[Hashable]) -> None:
        self._owned.update(dict.fromkeys(names, owned))

    def add(self, claimed: object, by: EntryPoint, names: Iterable[Hashable]) -> None:
        for name in names:
            self._claims[name].append((claimed, by))

    def contested(self, name: Hashable, by: EntryPoint) -> str | None:
        """Why *by* does not get that name; None when it does."""
        claims = self._claims[name]
        mine = [claimed for claimed, who in claims if who == by]
        if name in self._owned and any(each != self._owned[name] for each in mine):
            return f"{_shown(name)} is Temple Ledger's own"
        others = {who.value for claimed, who in claims if who != by and any(claimed != each for each in mine)}
        return f"{_shown(name)} is claimed by {', '.join(sorted(others))} too" if others else None


def _without_contested(
    points: Mapping[EntryPoint, Declared],
    kind: Kind,
    claims: _Claims,
    failed: list[NotLoaded],
    names_of: Callable[[Declared], Iterable[Iterable[Hashable]]],
) -> dict[EntryPoint, Declared]:
    usable: dict[EntryPoint, Declared] = {}
    for point, declared in points.items():
        names = [name for each in names_of(declared) for name in each]
        reason = next((why for name in names if (why := claims.contested(name, point)) is not None), None)
        if reason is None:
            usable[point] = declared
        else:
            name = declared.name if isinstance(declared, MemberProjection | Tally) else point.name
            failed.append(NotLoaded(kind, name, point.value, reason))
    return usable


def _names_of_type(known: EventType) -> list[Hashable]:
    """An event has one class, and a class is one event."""
    return [*(("event", "/".join(name)) for name in known.names), ("class", known.model)]


def _names_of_projection(projection: Projection) -> list[Hashable]:
    rollups = () if isinstance(projection, Tally) else projection.rollups
    tables = [table.name for table in projection.tables]
    return [("projection", projection.name), *(("table", name) for name in (*tables, *rollups))]


def _shown(name: Hashable) -> str:
    match name:
        case ("class", type() as model):
            return f"class {model.__module__}.{model.__qualname__}"
        case (str() as kind, str() as value):
            return f"{kind} {value}"
        case _:
            return str(name)


def _package(place: str) -> str:
    return place.partition(":")[0].partition(".")[0]


def _one_line(error: BaseException) -> str:
    text = describe_error(error)
    return " ".join(text.split())[:LONGEST_REASON] + place_of(error)
