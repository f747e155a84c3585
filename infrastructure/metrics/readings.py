"""What is asked of the ledger at each scrape, cheapest first."""

from collections.abc import Iterable, Sequence

from infrastructure.metrics.event_totals import EventTotals
from infrastructure.metrics.inbox import Inbox
from infrastructure.metrics.ledger import Reading
from infrastructure.metrics.members import MembersByStatus
from infrastructure.metrics.patreon import patreon_doubts
from infrastructure.metrics.platforms import discord_sessions, patreon_webhooks
from infrastructure.metrics.projections import Projections
from infrastructure.metrics.rebuilds import rebuilds
from infrastructure.metrics.roles import RoleCounts
from infrastructure.metrics.storage import Storage
from infrastructure.metrics.trigger import trigger_durations
from infrastructure.metrics.verifying import Verifications
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
