"""A difference summary in people: who loses which role, who gets another status."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from temple_ledger.infrastructure.queries.role_directory import RoleDirectory
from temple_ledger.projections.drift import Drift, DriftKind
from temple_ledger.projections.members import ROLES, STATUS


class _Sentence(NamedTuple):
    """Of one, and of many."""

    one: str
    many: str


class ImpactSummary:
    """Counts differences as they come, and describes what it means to put the folded rows in place."""

    def __init__(self, directory: RoleDirectory) -> None:
        self._directory = directory
        self._counts: Counter[_Sentence] = Counter()

    def count(self, drift: Drift) -> None:
        self._counts[_sentence_of(drift, self._directory)] += 1

    def sentences(self) -> list[str]:
        """The most frequent first."""
        return [
            f"1 {sentence.one}" if number == 1 else f"{number:,} {sentence.many}"
            for sentence, number in self._counts.most_common()
        ]


def describe_in_people(drifts: Iterable[Drift], directory: RoleDirectory) -> list[str]:
    summary = ImpactSummary(directory)
    for drift in drifts:
        summary.count(drift)
    return summary.sentences()


def _sentence_of(drift: Drift, directory: RoleDirectory) -> _Sentence:
    if drift.table == ROLES.name:
        return _of_a_role(drift, directory.label(drift.key["role"]))
    if drift.table == STATUS.name:
        return _of_a_status(drift)
    row = "row" if drift.user_id is not None else "count"
    return _of(f"{row} of {drift.table}", f"{row}s of {drift.table}", drift)


def _of_a_role(drift: Drift, label: str) -> _Sentence:
    match drift.kind:
        case DriftKind.TOO_MANY:
            return _Sentence(f"member loses {label}", f"members lose {label}")
        case DriftKind.MISSING:
            return _Sentence(f"member gains {label}", f"members gain {label}")
        case DriftKind.DIFFERENT:
            return _Sentence(
                f"member keeps {label} with another {drift.column}",
                f"members keep {label} with another {drift.column}",
            )


def _of_a_status(drift: Drift) -> _Sentence:
    if drift.kind is DriftKind.DIFFERENT and drift.column in ("status", "patreon_tier"):
        change = f"{drift.column} from {drift.stored or 'none'} to {drift.folded or 'none'}"
        return _Sentence(f"member changes {change}", f"members change {change}")
    return _of("member", "members", drift)


def _of(one: str, many: str, drift: Drift) -> _Sentence:
    match drift.kind:
        case DriftKind.TOO_MANY:
            return _Sentence(f"{one} vanishes", f"{many} vanish")
        case DriftKind.MISSING:
            return _Sentence(f"{one} appears", f"{many} appear")
        case DriftKind.DIFFERENT:
            return _Sentence(f"{one} changes {drift.column}", f"{many} change {drift.column}")
