"""What is asked of the ledger at each scrape, cheapest first."""

from collections.abc import Iterable, Sequence

from temple_ledger.infrastructure.observability.metrics.event_totals import EventTotals
from temple_ledger.infrastructure.observability.metrics.inbox import Inbox
from temple_ledger.infrastructure.observability.metrics.ledger import Reading
from temple_ledger.infrastructure.observability.metrics.members import MembersByStatus
from temple_ledger.infrastructure.observability.metrics.platforms import discord_sessions, patreon_webhooks
from temple_ledger.infrastructure.observability.metrics.projections import Projections
from temple_ledger.infrastructure.observability.metrics.rebuilds import rebuilds
from temple_ledger.infrastructure.observability.metrics.roles import RoleCounts
from temple_ledger.infrastructure.observability.metrics.storage import Storage
from temple_ledger.infrastructure.observability.metrics.trigger import trigger_durations
from temple_ledger.infrastructure.observability.metrics.verifying import Verifications
from temple_ledger.infrastructure.sources.patreon.metrics import patreon_doubts
from temple_ledger.projections.processor import Projection


def readings(
    projections: Iterable[Projection], event_names: Iterable[tuple[str, str]]
) -> Sequence[tuple[str, Reading]]:
    """*event_names* are the types and actions that get a series of their own; all others are counted as `other`."""
    known = list(projections)
    return (
        ("projections", Projections(known)),
        ("event totals", EventTotals(event_names)),
        ("verifying", Verifications(known)),
        ("rebuilds", rebuilds),
        ("inbox", Inbox()),
        ("patreon doubts", patreon_doubts),
        ("discord", discord_sessions),
        ("patreon", patreon_webhooks),
        ("trigger", trigger_durations),
        ("members", MembersByStatus()),
        ("roles", RoleCounts()),
        ("storage", Storage()),
    )
