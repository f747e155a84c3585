"""The history of a community that never was, the same one for the same seed, as JSON lines for import."""

from infrastructure.demo.community import Community
from infrastructure.demo.history import generate, write_history
from infrastructure.demo.malformed import malformed_lines

__all__ = ["Community", "generate", "malformed_lines", "write_history"]
