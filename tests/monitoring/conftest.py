"""Commands are typed here as in tests/cli."""

from tests.cli.conftest import environment, home, spawn, temple

__all__ = ["environment", "home", "spawn", "temple"]
