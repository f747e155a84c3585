-- Seen at most once a minute, so that reading a page seldom writes.
with found as (
    select session.id, session.person, session.rights, session.how, session.last_seen_at
    from web_session as session
    where session.digest = %(digest)s
      and web_session_holds(session)
), seen as (
    update web_session
    set last_seen_at = clock_timestamp()
    from found
    where web_session.id = found.id
      and found.last_seen_at < clock_timestamp() - interval '1 minute'
)
select id, person, rights, how from found
