"""Who looks on while an author's code is at work."""

from collections.abc import Sequence
from typing import Final, Protocol

from temple_ledger.domain.recorded import Recorded


class FoldWatch(Protocol):
    def set(self, projection: str, user_id: str, events: Sequence[Recorded]) -> None:
        """From now on an author's code is at work on these events of the member; there is at least one."""

    def clear(self) -> None:
        """Nothing of an author's is at work."""


class _Nobody:
    def set(self, projection: str, user_id: str, events: Sequence[Recorded]) -> None:
        pass

    def clear(self) -> None:
        pass


NOBODY_WATCHES: Final[FoldWatch] = _Nobody()
