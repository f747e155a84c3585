"""What a snapshot found: differences in classes, by member."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.instant import format_instant
from temple_ledger.domain.log_entry import LogEntry, entry_of


class Difference(StrEnum):
    """MISSED: both know the member, and something happened that we were not told. UNKNOWN: the source has a member
    whom the ledger does not have. OURS_ONLY: the ledger has one whom the source does not have."""

    MISSED = "missed event"
    UNKNOWN = "unknown to us"
    OURS_ONLY = "in our ledger only"


@dataclass(frozen=True)
class FoundDifference:
    """One difference, as texts for people, and the events that would be appended for it, as the log would keep them."""

    kind: Difference
    field: str
    ours: str | None
    theirs: str | None
    entries: Sequence[LogEntry] = ()


@dataclass(frozen=True)
class Finding:
    """What is different about one member.

    `observed` is what the source says, for the source's own code to read again when the snapshot is applied; None
    when the member is not there. `loses`: the member would depart, or lose something.
    """

    user_id: str
    observed: Mapping[str, Any] | None
    differences: Sequence[FoundDifference]
    loses: bool = False


def differences_as_json(finding: Finding) -> list[dict[str, Any]]:
    return [
        {
            "class": found.kind.value,
            "field": found.field,
            "ours": found.ours,
            "theirs": found.theirs,
            "events": [_line(entry) for entry in found.entries],
        }
        for found in finding.differences
    ]


def differences_from_json(stored: Sequence[Mapping[str, Any]], catalogue: Catalogue) -> tuple[FoundDifference, ...]:
    return tuple(
        FoundDifference(
            Difference(each["class"]),
            each["field"],
            each["ours"],
            each["theirs"],
            tuple(entry_of(line, catalogue) for line in each["events"]),
        )
        for each in stored
    )


def _line(entry: LogEntry) -> dict[str, Any]:
    return {
        **entry._asdict(),
        "event_id": str(entry.event_id),
        "timestamp": format_instant(entry.timestamp),
        "metadata": None if entry.metadata is None else json.loads(entry.metadata),
    }
