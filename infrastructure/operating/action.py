"""What may be asked for: a name, arguments that are plain words, and who says why. Never SQL."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.operating.preview import Preview

LONGEST_REASON: Final = 2_000
MOST_AT_ONCE: Final = 500
_NUMBER: Final = re.compile(r"[1-9]\d{0,18}", re.ASCII)


@dataclass(frozen=True)
class Asking:
    """`number` is what somebody typed, who was shown how many people are concerned; None where they typed nothing."""

    action: str
    arguments: Mapping[str, str]
    by: str
    reason: str = ""
    number: int | None = None

    def word(self, name: str) -> str:
        """Raises Refused where it is missing."""
        value = self.arguments.get(name, "").strip()
        if not value or len(value) > LONGEST_REASON or not value.isprintable():
            raise Refused(f"{name} is missing")
        return value

    def numbers(self, name: str) -> list[int]:
        """By commas. Raises Refused."""
        parts = self.word(name).split(",")
        if len(parts) > MOST_AT_ONCE or not all(_NUMBER.fullmatch(each) for each in parts):
            raise Refused(f"{name} is {plural(MOST_AT_ONCE, 'number')} at most, with commas between them")
        return list(dict.fromkeys(map(int, parts)))

    def why(self) -> str:
        """Raises Refused where nobody says it."""
        reason = self.reason.strip()
        if not reason or len(reason) > LONGEST_REASON:
            raise Refused(f"nothing was changed: write why, in {LONGEST_REASON:,} characters at most")
        return reason

    def require_number(self, number: int, unit: str = "person", units: str = "people") -> None:
        """More than one is typed, by whoever has read it. Raises Refused."""
        if number > 1 and self.number != number:
            raise Refused(f"nothing was changed: this concerns {plural(number, unit, units)}; type {number} to go on")


@dataclass(frozen=True)
class Outcome:
    """What was done, in sentences; `failed`, where a part of it could not be. Of a preview, what would be."""

    sentences: Sequence[str] = ()
    failed: bool = False
    preview: Preview | None = None

    @property
    def data(self) -> Mapping[str, Any]:
        preview = None if self.preview is None else self.preview.data
        return {"sentences": list(self.sentences), "failed": self.failed, "preview": preview}


@dataclass
class Job:
    """`state` is working, done or failed."""

    action: str
    by: str
    id: str
    state: str = "working"
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def data(self) -> Mapping[str, Any]:
        return {"id": self.id, "action": self.action, "by": self.by, "state": self.state, **self.outcome.data}
