"""A tally: a projection that counts. Counting does not depend on order, so no event is late for it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, TypeVar, overload

from temple_ledger.domain.catalogue import CATALOGUE, Catalogue
from temple_ledger.domain.errors import ProjectionMisdeclared
from temple_ledger.domain.event import Event
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import check_version
from temple_ledger.projections.tables import Table, check_name
from temple_ledger.projections.values import ColumnType

Key = tuple[Any, ...]
Increments = Mapping[Key, int]
"""By key, in the order of the table's key columns; zero and absent are the same."""
Brief = int
"""Of at most 64 bits."""

E = TypeVar("E", bound=Event)
Count = Callable[[Recorded], Increments]


class Briefs(Protocol):
    """Numbers in the place of keys: quick to make, to compare and to store. Only this object can read them."""

    def of(self, events: Sequence[Recorded]) -> list[Brief]:
        """Of each event. Raises UndecodableEvent where one has none."""

    def keys(self, briefs: Iterable[Brief]) -> Iterator[Key]:
        """Different numbers have different keys."""

    @property
    def names(self) -> Sequence[Any]:
        """What another one needs to read these numbers."""

    def translated(self, briefs: Iterable[Brief], names: Sequence[Any]) -> Iterator[Brief]:
        """The numbers of another one, which has those *names*, as its own."""


class Tally:
    """*count* returns how much an event adds to which keys; {} for an event that is not counted.

    *reads* says what it is given. "row": each row of the log as it was stored, in the shape of its own version. An
    event class, or a tuple of them: those events alone, decoded as a rule gets them, in their newest version. `Event`
    itself: every event, `UnknownEvent` for what the catalogue lacks. One that cannot be decoded is parked.

    The table's last column is the number, all others are the key. The cheap check of a tally is that the sum of that
    column equals what was counted so far, which its checkpoint stores.
    """

    reads_metadata: ClassVar[bool] = True
    """Whether it looks at payloads at all: see BuiltInTally."""

    @overload
    def __init__(
        self, name: str, *, version: int, table: Table, count: Count, reads: Literal["row"] = "row"
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        *,
        version: int,
        table: Table,
        count: Callable[[E], Increments],
        reads: type[E] | tuple[type[E], ...],
    ) -> None: ...

    def __init__(self, name: str, *, version: int, table: Table, count: Any, reads: Any = "row") -> None:
        check_name("projection", name)
        check_version(f"projection {name}", version)
        *key, number = table.columns
        if not key:
            raise ProjectionMisdeclared(
                f"tally {name}: {table.name} needs a column for the key before the one that counts"
            )
        if table.key != tuple(column.name for column in key) or number.type is not ColumnType.BIGINT:
            raise ProjectionMisdeclared(
                f"tally {name}: the key must be all columns of {table.name} but the last, and the last a bigint"
            )
        if table.unique or any(number.name in (check.name, check.column) for check in table.checks):
            raise ProjectionMisdeclared(
                f"tally {name}: its key is its only unique index, and no check can be about {number.name}, which grows "
                "by events that nobody looks at together"
            )
        self.name = name
        self.version = version
        self.table = table
        self.events = _events(name, reads)
        self._decodes = reads != "row"
        self._count = count

    def counter(self, catalogue: Catalogue) -> Count:
        """What counts a row of the log, whatever the tally reads. Raises EventMisdeclared."""
        count: Count = self._count
        decoded: Callable[[Event], Increments] = self._count
        if not self._decodes:
            return count
        if not self.events:
            return lambda recorded: decoded(catalogue.decode(recorded))
        decoders = {name: known.decode for known in map(catalogue.type_of, self.events) for name in known.names}

        def counted(recorded: Recorded) -> Increments:
            decode = decoders.get((recorded.event_type, recorded.action))
            return {} if decode is None else decoded(decode(recorded))

        return counted

    @property
    def reads_every_event(self) -> bool:
        return self._decodes and not self.events

    @property
    def key(self) -> ProjectionKey:
        return ProjectionKey(self.name, self.version)

    @property
    def tables(self) -> tuple[Table, ...]:
        return (self.table,)


class BuiltInTally(Tally):
    """One of our own. It looks at no payload: where it is counted together with others, none is fetched for it.

    Each event adds one to one key. *briefs* makes what says, of many events at once, which one, as a number.
    """

    reads_metadata = False

    def __init__(self, name: str, *, version: int, table: Table, briefs: Callable[[], Briefs]) -> None:
        def count(recorded: Recorded) -> Increments:
            once = briefs()
            return dict.fromkeys(once.keys(once.of([recorded])), 1)

        super().__init__(name, version=version, table=table, count=count)
        self.briefs = briefs


def _events(tally: str, reads: object) -> tuple[type[Event], ...]:
    """The classes that it reads; none where it reads rows, or every event."""
    given = reads if isinstance(reads, tuple) else (reads,)
    if reads in ("row", Event):
        return ()
    for each in given:
        if not (isinstance(each, type) and issubclass(each, Event)) or CATALOGUE.is_base(each):
            raise ProjectionMisdeclared(f"tally {tally} reads {each!r}, which is neither an event nor 'row'")
    return given
