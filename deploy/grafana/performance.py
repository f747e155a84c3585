"""Performance Monitoring: what takes how long, and how much room."""

from temple_ledger.deploy.grafana.board import SQL, Board, Panel, PromQL

SIZES = """
select
    relation.relname as "table",
    greatest(relation.reltuples, 0)::bigint as "rows",
    pg_table_size(relation.oid) as "bytes",
    pg_indexes_size(relation.oid) as "bytes of indexes",
    pg_stat_get_dead_tuples(relation.oid) as "dead rows"
from pg_class as relation
where relation.relkind = 'r'
  and relation.relnamespace = 'public'::regnamespace
order by pg_table_size(relation.oid) + pg_indexes_size(relation.oid) desc
limit 30
"""

PERFORMANCE = Board(
    uid="temple-performance",
    title="Performance Monitoring",
    says="What takes how long, and how much room.",
    panels=[
        Panel(
            "Database query performance",
            "lines",
            "The runner's statements, by the name of their file: 95 of 100 take less. `rows` reads and writes tables.",
            [
                PromQL(
                    "topk(10, histogram_quantile(0.95, sum by (le, statement) "
                    "(rate(ledger_statement_duration_seconds_bucket[$__rate_interval]))))",
                    "{{statement}}",
                )
            ],
            unit="s",
            thresholds=[(0.1, "orange"), (1, "red")],
        ),
        Panel(
            "Time spent in statements",
            "lines",
            "Seconds of each second.",
            [
                PromQL(
                    "topk(10, sum by (statement) (rate(ledger_statement_duration_seconds_sum[$__rate_interval])))",
                    "{{statement}}",
                )
            ],
            unit="percentunit",
        ),
        Panel(
            "Webhook response times",
            "lines",
            "From a request to its answer, with the commit: half of them, and 95 of 100, take less.",
            [
                PromQL(
                    "histogram_quantile(0.5, sum by (le, source) "
                    "(rate(ledger_receiver_response_duration_seconds_bucket[$__rate_interval])))",
                    "{{source}}, half",
                ),
                PromQL(
                    "histogram_quantile(0.95, sum by (le, source) "
                    "(rate(ledger_receiver_response_duration_seconds_bucket[$__rate_interval])))",
                    "{{source}}, 95 %",
                ),
            ],
            unit="s",
            thresholds=[(1, "orange"), (5, "red")],
            runbook="ReceiverErrors",
            empty="no receiver is scraped",
        ),
        Panel(
            "Webhook responses",
            "lines",
            "Answers a second, by code.",
            [
                PromQL(
                    "sum by (source, code) (rate(ledger_receiver_responses_total[$__rate_interval]))",
                    "{{source}} {{code}}",
                )
            ],
            unit="ops",
            runbook="ReceiverErrors",
            empty="no receiver is scraped",
        ),
        Panel(
            "Trigger execution duration",
            "lines",
            "In trigger mode what one call of the trigger takes; otherwise, in the trigger's place, what one batch of "
            "the runner takes, and what it took on average since it began.",
            [
                PromQL(
                    "(sum(rate(ledger_trigger_duration_seconds_total[$__rate_interval])) "
                    "/ sum(rate(ledger_trigger_calls_total[$__rate_interval]) > 0)) "
                    "or sum(ledger_trigger_duration_seconds_total) / sum(ledger_trigger_calls_total)",
                    "trigger, a call",
                ),
                PromQL(
                    "histogram_quantile(0.95, sum by (le, projection) "
                    "(rate(ledger_batch_duration_seconds_bucket[$__rate_interval])))",
                    "{{projection}}, 95 % of batches",
                ),
                PromQL(
                    "sum by (projection) (ledger_batch_duration_seconds_sum) "
                    "/ clamp_min(sum by (projection) (ledger_batch_duration_seconds_count), 1)",
                    "{{projection}}, a batch on average",
                ),
            ],
            unit="s",
            thresholds=[(0.1, "orange"), (1, "red")],
        ),
        Panel(
            "Size of batches",
            "lines",
            "Events in a batch, on average.",
            [
                PromQL(
                    "sum by (projection) (rate(ledger_batch_events_sum[$__rate_interval])) "
                    "/ sum by (projection) (rate(ledger_batch_events_count[$__rate_interval]))",
                    "{{projection}}",
                )
            ],
        ),
        Panel(
            "Table sizes",
            "table",
            "The largest tables by now.",
            [SQL(SIZES.strip())],
            unit="short",
            units={"bytes": "bytes", "bytes of indexes": "bytes"},
        ),
        Panel(
            "Growth of tables",
            "lines",
            "The largest tables over time, without their indexes.",
            [PromQL("topk(8, max by (table) (ledger_table_bytes))", "{{table}}")],
            unit="bytes",
            runbook="DiskFilling",
        ),
        Panel(
            "Size of indexes",
            "lines",
            "The largest indexes over time.",
            [PromQL("topk(8, max by (index) (ledger_index_bytes))", "{{index}}")],
            unit="bytes",
        ),
        Panel(
            "Dead rows",
            "lines",
            "Rows that changed or went, and whose room vacuum has not freed yet.",
            [PromQL("topk(8, max by (table) (ledger_dead_tuples))", "{{table}}")],
        ),
        Panel(
            "Waits at gaps",
            "lines",
            "How long an open transaction has blocked the reader from the end of the log.",
            [PromQL("max(ledger_log_blocked_seconds)", "by now")],
            unit="s",
            thresholds=[(30, "orange")],
            runbook="LogTailBlocked",
        ),
        Panel(
            "Rebuilds",
            "lines",
            "How much of a replay is done.",
            [PromQL("max by (projection) (ledger_rebuild_ranges_ratio)", "{{projection}}")],
            unit="percentunit",
            runbook="RebuildStuck",
            empty="no replay goes on",
        ),
        Panel(
            "Room on disk",
            "lines",
            "Free, of the file systems that the ledger's own files are on.",
            [PromQL("min by (files) (ledger_disk_free_bytes / ledger_disk_size_bytes)", "{{files}}")],
            unit="percentunit",
            runbook="DiskFilling",
        ),
        Panel(
            "Cost of a scrape",
            "lines",
            "How long the database was asked for these figures.",
            [PromQL("max by (instance) (ledger_metrics_duration_seconds)", "{{instance}}")],
            unit="s",
            runbook="LedgerMetricsMissing",
        ),
    ],
)
