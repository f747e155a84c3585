-- An error is that of a sink that takes nothing.
update effect_sink
set delivered = delivered + %(delivered)s,
    delivered_at = case when %(delivered)s > 0 then clock_timestamp() else delivered_at end,
    failing_since = case when %(error)s::text is null then null else coalesce(failing_since, clock_timestamp()) end,
    error = %(error)s
where sink = %(sink)s
