"""What a runner waits for, and whom it reports to."""

from typing import Protocol

from temple_ledger.infrastructure.log.reader import Look
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.processor import Step


class Wake(Protocol):
    """A signal that there may be more to fold."""

    def wait(self, timeout: float) -> bool: ...


class Watcher(Protocol):
    """Called with what the runner does; for progress and metrics."""

    def stepped(self, key: ProjectionKey, step: Step, seconds: float) -> None: ...

    def looked(self, look: Look) -> None: ...

    def failed(self, key: ProjectionKey) -> None:
        """A projection had to stop."""

    def recovering(self, sqlstate: str | None) -> None:
        """A database error ended what was going on, and it will be tried again. None: the connection was lost."""

    def beat(self) -> None:
        """It came round, whether there was anything to fold or not."""


class NullWatcher:
    def stepped(self, key: ProjectionKey, step: Step, seconds: float) -> None:
        pass

    def looked(self, look: Look) -> None:
        pass

    def failed(self, key: ProjectionKey) -> None:
        pass

    def recovering(self, sqlstate: str | None) -> None:
        pass

    def beat(self) -> None:
        pass
