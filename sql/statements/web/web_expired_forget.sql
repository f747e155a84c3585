with links as (
    delete from web_link where expires_at <= clock_timestamp()
)
delete from web_session
where expires_at <= clock_timestamp() - interval '30 days'
