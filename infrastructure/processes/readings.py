"""What is asked of the ledger at each scrape, cheapest first."""

from collections.abc import Iterable, Sequence

from infrastructure.observability.metrics.event_totals import EventTotals
from infrastructure.observability.metrics.inbox import Inbox
from infrastructure.observability.metrics.ledger import Reading
from infrastructure.observability.metrics.members import MembersByStatus
from infrastructure.observability.metrics.platforms import discord_sessions, patreon_webhooks
from infrastructure.observability.metrics.projections import Projections
from infrastructure.observability.metrics.rebuilds import rebuilds
from infrastructure.observability.metrics.roles import RoleCounts
from infrastructure.observability.metrics.storage import Storage
from infrastructure.observability.metrics.trigger import trigger_durations
from infrastructure.observability.metrics.verifying import Verifications
from infrastructure.sources.patreon.metrics import patreon_doubts
from projections.processor import Projection


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
