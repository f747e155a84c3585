"""Moved to infrastructure.verifying.full."""

from infrastructure.verifying.full import verify
from infrastructure.verifying.verified import MOST_LISTED, Verified

__all__ = ["MOST_LISTED", "Verified", "verify"]
