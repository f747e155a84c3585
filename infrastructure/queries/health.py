"""What is not as it should be, with the command to type about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Trouble:
    """What is not as it should be, and the command to type about it."""

    what: str
    next: str


@dataclass(frozen=True)
class Health:
    """What `temple status` shows of a source. `data` stands under the source's name in --json; None: nothing does."""

    lines: Sequence[str] = ()
    troubles: Sequence[Trouble] = ()
    data: Mapping[str, Any] | None = None
