"""The projections of Temple Ledger itself: declared here, and nowhere else."""

from typing import Final

from temple_ledger.projections.activity import activity
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.role_periods import role_periods

BUILT_IN: Final[tuple[Projection, ...]] = (members, activity, role_periods)
