"""What belongs to a projection is stored under its name and the version of its rules."""

from typing import Any, NamedTuple


class ProjectionKey(NamedTuple):
    """As text NAME@VERSION."""

    name: str
    version: int

    @property
    def parameters(self) -> dict[str, Any]:
        """For statements."""
        return {"projection": self.name, "version": self.version}

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"
