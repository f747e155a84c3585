"""The tally of events per hour, type, action and source, which dashboards read."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from temple_ledger.domain.errors import UndecodableEvent
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.tally import Brief, BuiltInTally, Key
from temple_ledger.projections.values import ColumnType

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)


_Names = tuple[str, str, str]
"""Of an event: type, action, source. There are some dozens of them in a log."""
_BITS: Final = 32
_NAMES: Final = (1 << _BITS) - 1


class _Codes(dict[_Names, int]):
    def __missing__(self, names: _Names) -> int:
        self[names] = code = len(self)
        return code


class HourBriefs:
    """A brief is the number of the hour and, in its last bits, the number that the names got here."""

    def __init__(self) -> None:
        self._codes = _Codes()

    def of(self, events: Sequence[Recorded]) -> list[Brief]:
        codes = self._codes
        try:
            return [
                (since.days * 24 + since.seconds // 3600 << _BITS) + codes[event_type, action, source]
                for _, occurred_at, event_type, _, action, _, _, source, _, _ in events
                for since in (occurred_at - _FIRST,)  # type: ignore[operator]  # None raises
            ]
        except TypeError:
            raise UndecodableEvent("timestamp is outside the years 1 to 9999") from None

    def keys(self, briefs: Iterable[Brief]) -> Iterator[Key]:
        names = list(self._codes)
        return ((_FIRST + (brief >> _BITS) * _HOUR, *names[brief & _NAMES]) for brief in briefs)

    @property
    def names(self) -> Sequence[_Names]:
        return list(self._codes)

    def translated(self, briefs: Iterable[Brief], names: Sequence[Any]) -> Iterator[Brief]:
        codes = [self._codes[each] for each in names]
        return (brief - (brief & _NAMES) + codes[brief & _NAMES] for brief in briefs)


activity = BuiltInTally(
    "activity",
    version=1,
    table=Table(
        "webhook_activity_hourly",
        columns=(
            Column("hour", ColumnType.TIMESTAMPTZ),
            Column("event_type", ColumnType.TEXT, length=50),
            Column("action", ColumnType.TEXT, length=50),
            Column("source", ColumnType.TEXT, length=50),
            Column("events", ColumnType.BIGINT),
        ),
        key=("hour", "event_type", "action", "source"),
    ),
    briefs=HourBriefs,
)
