-- What was published last of each of these members: as noted, and as the log itself says where nothing is noted, or
-- where it is asked for (others may have appended).
select
    given.user_id,
    person.standing,
    person.tier_id,
    person.tier,
    person.transition_id,
    person.told_at,
    last.event_id,
    last.action,
    last.target,
    last.metadata ->> 'tier_id',
    last.metadata ->> 'standing',
    last.timestamp
from unnest(%(user_ids)s::text[]) as given (user_id)
left join lateral (
    select * from patreon_person where patreon_person.user_id = given.user_id
    offset 0
) as person on true
left join lateral (
    select event_id, action, target, metadata, timestamp
    from (
        -- by the member first: the events of one type are as many as there are patrons
        select * from webhook_audit_log where webhook_audit_log.user_id = given.user_id
        offset 0
    ) as log
    where log.event_type = 'patreon_membership'
      and log.action in ('started', 'changed', 'declined', 'ended')
      and (person.user_id is null or %(ask_log)s::boolean)
    order by timestamp desc, id desc
    limit 1
) as last on true
