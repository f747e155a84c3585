"""Where an event stands in the log."""

from typing import NewType

Position = NewType("Position", int)
"""The `id` of an event in `webhook_audit_log`: unique, increasing, may skip numbers."""

START = Position(0)
"""Before the first event."""
