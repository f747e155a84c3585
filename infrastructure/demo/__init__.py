"""The history of an invented community, the same for the same seed, as JSON lines for import."""

from temple_ledger.infrastructure.demo.community import DEFAULT_END, Community
from temple_ledger.infrastructure.demo.history import generate, write_history
from temple_ledger.infrastructure.demo.malformed import malformed_lines

__all__ = ["DEFAULT_END", "Community", "generate", "malformed_lines", "write_history"]
