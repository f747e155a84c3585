"""Audit Trail Analysis: what happened, how fast it was taken in, and what was not."""

from temple_ledger.deploy.grafana.board import SQL, Board, Panel, PromQL

VOLUME = """
select
    $__timeGroupAlias(hour, $__interval),
    event_type || ' ' || action as metric,
    sum(events) as events
from webhook_activity_hourly
where $__timeFilter(hour)
group by 1, event_type, action
order by 1, 2
"""
SOURCES = """
select
    source,
    sum(events) as events
from webhook_activity_hourly
where $__timeFilter(hour)
group by source
union all
select '(nothing in this time)', 0
where not exists (select from webhook_activity_hourly where $__timeFilter(hour))
order by events desc
"""
# At most the last 100,000 events of the range, from the end of the log: the range that is asked for may be all of it.
USERS = """
with recent as (
    select user_id, timestamp
    from webhook_audit_log
    where id > (select max(id) - 100000 from webhook_audit_log)
      and $__timeFilter(timestamp)
)
select
    recent.user_id as "member",
    member.status,
    count(*) as "events",
    max(recent.timestamp) as "last"
from recent
left join temple_member_status as member using (user_id)
where recent.user_id <> 'guild'
group by recent.user_id, member.status
order by 3 desc
limit 20
"""
PARKED = """
select
    failure.parked_at as "at",
    failure.projection,
    failure.position,
    failure.user_id as "member",
    failure.error
from projection_failure as failure
union all
select null, 'none', null, null, 'every event was folded'
where not exists (select from projection_failure)
order by 1 desc nulls last
limit 100
"""
UNTRANSLATED = """
select received_at as "at", source, kind, state, note
from inbox
where state in ('failed', 'unparseable')
union all
select null, 'none', null, null, 'every delivery was translated'
where not exists (select from inbox where state in ('failed', 'unparseable'))
order by 1 desc nulls last
limit 100
"""
MEMBER = """
select
    id as "no.",
    timestamp as "at",
    user_id as "member",
    event_type || ' ' || action as "what",
    target,
    event_actor(metadata) as "by",
    source
from webhook_audit_log
where $__timeFilter(timestamp)
  and (${member:sqlstring} = '' or user_id = ${member:sqlstring})
  and (${role:sqlstring} = '' or target = ${role:sqlstring})
order by id desc
limit 100
"""
HOLDERS = """
select
    held.user_id as "member",
    coalesce(named.name, held.role) as "role",
    held.granted_at as "since",
    held.granted_by as "by"
from discord_user_current_roles as held
left join discord_role_directory as named using (role)
where (${role:sqlstring} = '' or held.role = ${role:sqlstring})
  and (${member:sqlstring} = '' or held.user_id = ${member:sqlstring})
order by held.granted_at desc, held.user_id
limit 100
"""
LATENCY = "histogram_quantile({}, sum by (le) (rate(webhook_processing_duration_seconds_bucket[$__rate_interval])))"

AUDIT = Board(
    uid="temple-audit",
    title="Audit Trail Analysis",
    says="What happened, how fast it was taken in, and what was not. A member and a role can be chosen above.",
    since="now-30d",
    picks=True,
    panels=[
        Panel(
            "What happened",
            "table",
            "The newest hundred events of the time, the member and the role that are chosen.",
            [SQL(MEMBER.strip())],
            empty="nothing happened in this time",
            links={"no.": "/events/VALUE", "member": "/members/VALUE", "by": "/members/VALUE"},
        ),
        Panel(
            "Who holds a role",
            "table",
            "Now, of the role and the member that are chosen, the newest hundred.",
            [SQL(HOLDERS.strip())],
            empty="nobody holds it",
            links={"member": "/members/VALUE", "by": "/members/VALUE"},
        ),
        Panel(
            "Event volume by type",
            "lines",
            "Events by the time at which they happened, as the tally counts them by the hour.",
            [SQL(VOLUME.strip(), series=True)],
            width=16,
            empty="nothing happened in this time",
        ),
        Panel(
            "Events by source",
            "table",
            "Of the time that is chosen above.",
            [SQL(SOURCES.strip())],
            width=8,
        ),
        Panel(
            "Events taken in",
            "lines",
            "By type, as they come into the log, whenever they happened.",
            [
                PromQL(
                    "sum by (event_type) (max by (event_type, action) "
                    "(increase(webhook_audit_events_total[$__rate_interval])))",
                    "{{event_type}}",
                )
            ],
        ),
        Panel(
            "Top users by activity",
            "table",
            "Members with most events in the time that is chosen, of the last 100,000 positions of the log.",
            [SQL(USERS.strip())],
            links={"member": "/members/VALUE"},
            empty="nothing happened in this time",
        ),
        Panel(
            "Processing latency",
            "lines",
            "From recorded in the log to folded into the rows: of half of the events, of 95 and of 99 in 100; and how "
            "long the oldest event waits that is not folded yet. In trigger mode there is no latency.",
            [
                PromQL(LATENCY.format(0.5), "half"),
                PromQL(LATENCY.format(0.95), "95 %"),
                PromQL(LATENCY.format(0.99), "99 %"),
                PromQL("max(ledger_lag_seconds)", "waits by now"),
            ],
            unit="s",
            thresholds=[(5, "orange"), (60, "red")],
            runbook="ProcessingBacklog",
        ),
        Panel(
            "Failed events",
            "lines",
            "Events that could not be folded, and projections that had to stop, within an hour.",
            [
                PromQL(
                    "sum by (projection, kind) (increase(ledger_sync_errors_total[1h]))",
                    "{{projection}} {{kind}}",
                )
            ],
            thresholds=[(1, "red")],
            runbook="LedgerSyncFailure",
        ),
        Panel(
            "Parked events",
            "table",
            "What could not be folded and still is not; all that comes later for these members waits.",
            [SQL(PARKED.strip())],
            links={"member": "/members/VALUE", "projection": "/projections/VALUE"},
            runbook="ParkedMemberTooOld",
        ),
        Panel(
            "Deliveries that could not be translated",
            "table",
            "They stay in the inbox; `temple inbox retry` tries again.",
            [SQL(UNTRANSLATED.strip())],
            runbook="DeliveriesFailed",
        ),
        Panel(
            "Late events",
            "lines",
            "Members that were folded again from the log, because an event came after a later one.",
            [
                PromQL(
                    "sum by (projection) (rate(ledger_members_refolded_total[$__rate_interval]))",
                    "{{projection}}",
                )
            ],
            unit="ops",
        ),
        Panel(
            "Differences by table",
            "lines",
            "Of the latest verify.",
            [PromQL("max by (table) (ledger_drift_rows)", "{{table}}")],
            thresholds=[(1, "red")],
            runbook="ConsistencyDrift",
        ),
    ],
)
