"""What a step stores for the consumers of a projection's feed."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.effects import EffectFollower
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.row_json import rows_to_json
from temple_ledger.projections.stepping import Stepped


class StoredChange(NamedTuple):
    """`before` and `after` are rows as JSON."""

    position: Position
    user_id: str
    before: str
    after: str


class FeedFollower:
    """Takes every change; gives `effects` those that raise them, where there are any.

    `missed` members had changes that would take too long: they are reset as they are after the batch.
    """

    def __init__(self, fold: Fold[Any], effects: EffectFollower | None) -> None:
        self._tables = fold.projection.tables
        self._effects = effects
        self._of_position: dict[Position, str] = {}
        self.changes: list[StoredChange] = []
        self.missed: set[str] = set()

    def wanted(self, user_id: str, events: Sequence[Recorded]) -> frozenset[Position]:
        self._of_position.update((recorded.position, user_id) for recorded in events)
        return frozenset(recorded.position for recorded in events)

    def use(self, stepped: Iterable[Stepped[Any]], missed: Iterable[Position]) -> None:
        steps, late = list(stepped), list(missed)
        self.missed |= {self._of_position[position] for position in late}
        for each in steps:
            before = rows_to_json(self._tables, each.rows_before)
            after = rows_to_json(self._tables, each.rows_after)
            self.changes.append(StoredChange(each.recorded.position, each.recorded.user_id, before, after))
        if self._effects is not None:
            raising = self._effects.wanted("", [each.recorded for each in steps])
            self._effects.use(
                [each for each in steps if each.recorded.position in raising], self._effects.only_wanted(late)
            )
