"""Temple Health Overview: whether the ledger is right, at a glance."""

from temple_ledger.deploy.grafana.board import SQL, Board, Panel, PromQL

VERIFIES = """
select distinct on (projection)
    projection,
    drifts as "differences",
    drifted_members as "members that differ",
    parked as "parked",
    kind as "verify",
    members as "compared",
    finished_at as "at"
from verification
order by projection, id desc
"""

ROLE_COUNTS = "max by (role) (discord_user_role_count)"
SCRAPED = "0 * max(ledger_runner_heartbeat_timestamp_seconds)"
"""0 where a runner is scraped, and nothing where none is."""

HEALTH = Board(
    uid="temple-health",
    title="Temple Health Overview",
    says="Is the ledger right, and does it keep up? Every panel links to what to do.",
    panels=[
        Panel(
            "Consistency",
            "stat",
            "Differences between the log and the tables that the latest verify found.",
            [PromQL("sum(max by (projection) (ledger_consistency_check_failures))", "differences")],
            thresholds=[(1, "orange"), (10, "red")],
            runbook="ConsistencyDrift",
            width=4,
            height=4,
            empty="never verified",
        ),
        Panel(
            "Not folded yet",
            "stat",
            "Positions of the log that the tables do not show yet.",
            [PromQL("max(webhook_audit_unprocessed_count)", "positions")],
            thresholds=[(100, "orange"), (10_000, "red")],
            runbook="ProcessingBacklog",
            width=4,
            height=4,
        ),
        Panel(
            "Runner came round",
            "stat",
            "How long ago. It comes round many times a second, whether there is anything to fold or not.",
            [PromQL("time() - max(ledger_runner_heartbeat_timestamp_seconds)", "ago")],
            unit="s",
            thresholds=[(15, "orange"), (60, "red")],
            runbook="RunnerHeartbeatMissing",
            width=4,
            height=4,
        ),
        Panel(
            "Parked members",
            "stat",
            "Members with an event that could not be folded; their rows stand still.",
            [PromQL("sum(max by (projection) (ledger_parked_members))", "members")],
            thresholds=[(1, "orange"), (10, "red")],
            runbook="ParkedMemberTooOld",
            width=4,
            height=4,
        ),
        Panel(
            "Verified",
            "stat",
            "How long ago the least recently verified projection was.",
            [PromQL("max(time() - max by (projection) (ledger_verified_timestamp_seconds))", "ago")],
            unit="s",
            thresholds=[(2_700, "orange"), (86_400, "red")],
            runbook="VerifyOverdue",
            width=4,
            height=4,
            empty="never",
        ),
        Panel(
            "Alerts",
            "stat",
            "How many are firing, the dead man's switch apart: without it no rules are evaluated.",
            [
                PromQL(
                    'count(ALERTS{alertstate="firing",alertname!="DeadMansSwitch"}) '
                    'or 0 * count(ALERTS{alertname="DeadMansSwitch"})',
                    "firing",
                )
            ],
            thresholds=[(1, "red")],
            width=4,
            height=4,
            empty="no rules",
        ),
        Panel(
            "Members by status",
            "bars",
            "Members now. Patrons without a Discord account are a figure of their own.",
            [
                PromQL("max by (status) (ledger_members)", "{{status}}", instant=True),
                PromQL("max(ledger_patrons_without_discord)", "patrons without Discord", instant=True),
            ],
            width=8,
        ),
        Panel(
            "Role distribution",
            "pie",
            "How many members hold each role: the nine largest, and the others together.",
            [
                PromQL(f"topk(9, {ROLE_COUNTS})", "{{role}}", instant=True),
                PromQL(f"sum({ROLE_COUNTS}) - sum(topk(9, {ROLE_COUNTS})) > 0", "all others", instant=True),
            ],
            width=8,
            empty="nobody holds a role",
        ),
        Panel(
            "Consistency checks",
            "table",
            "What the latest verify of each projection found.",
            [SQL(VERIFIES.strip())],
            runbook="ConsistencyDrift",
            width=8,
            empty="never verified",
        ),
        Panel(
            "Event processing rate (last 24 h)",
            "lines",
            "Events a second, as they come into the log and as each projection folds them.",
            [
                PromQL(
                    "sum(max by (event_type, action) (rate(webhook_audit_events_total[$__rate_interval])))",
                    "counted by the tally",
                ),
                PromQL(
                    "sum by (projection) (rate(ledger_events_folded_total[$__rate_interval]))", "folded: {{projection}}"
                ),
            ],
            unit="ops",
            runbook="ProcessingBacklog",
            last="24h",
        ),
        Panel(
            "Lag",
            "lines",
            "How long the first event that is not folded has been in the log.",
            [PromQL("max by (projection) (ledger_lag_seconds)", "{{projection}}")],
            unit="s",
            thresholds=[(60, "orange"), (300, "red")],
            runbook="ProcessingBacklog",
        ),
        Panel(
            "State of projections",
            "table",
            "Whatever is not running stands still until somebody does something about it.",
            [PromQL("max by (projection, state) (ledger_projection_state) == 1", instant=True)],
            runbook="ProjectionStandsStill",
            empty="no runner is scraped",
            links={"projection": "/projections/VALUE"},
            hidden=("Time", "Value"),
        ),
        Panel(
            "Deliveries that wait",
            "lines",
            "In the inbox: stored, but not yet translated into events.",
            [
                PromQL("max by (source) (ledger_inbox_depth)", "{{source}} waits"),
                PromQL("max by (source) (ledger_inbox_trouble)", "{{source}} failed"),
                PromQL(f"sum(ledger_inbox_depth) or {SCRAPED}", "all"),
            ],
            thresholds=[(100, "orange")],
            runbook="InboxBacklog",
        ),
        Panel(
            "Messages of effects",
            "lines",
            "In the outbox: not delivered yet; and those that were refused, or could not be made.",
            [
                PromQL(f"sum(max by (sink) (ledger_effects_waiting)) or {SCRAPED}", "wait"),
                PromQL(f"sum(max by (sink) (ledger_effects_trouble)) or {SCRAPED}", "need somebody"),
            ],
            thresholds=[(100, "orange")],
            runbook="EffectsStale",
        ),
        Panel(
            "Consumers of the feed",
            "lines",
            "How long the first change waits that a consumer has not read.",
            [
                PromQL(
                    f"max(time() - min by (projection, consumer) (ledger_feed_oldest_timestamp_seconds)) or {SCRAPED}",
                    "the one that is furthest behind",
                )
            ],
            unit="s",
            thresholds=[(3_600, "orange")],
            runbook="FeedConsumerStale",
            empty="nobody is behind",
        ),
        Panel(
            "Ways in",
            "table",
            "Open sessions of Discord's gateway, and webhooks that Patreon has paused; 0 where there are none.",
            [
                PromQL(
                    f"label_replace(max(ledger_discord_sessions_open) or {SCRAPED}, "
                    '"way", "Discord: open sessions", "", "") or '
                    f"label_replace(sum(max by (webhook) (ledger_patreon_webhook_paused)) or {SCRAPED}, "
                    '"way", "Patreon: paused webhooks", "", "")',
                    instant=True,
                ),
            ],
            runbook="SourceSilent",
            empty="no runner is scraped",
            hidden=("Time",),
        ),
    ],
)
