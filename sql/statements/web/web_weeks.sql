-- Of a range of positions: how much happened in each week, by what sort of thing it was.
select
    date_trunc('week', timestamp at time zone 'UTC')::date as week,
    case
        when event_type in ('discord_role_change', 'discord_role') then 'roles'
        when event_type in ('discord_join', 'discord_leave') then 'people'
        when event_type = 'patreon_membership' then 'payments'
        else 'other'
    end as sort,
    count(*)
from webhook_audit_log
where id > %(after)s
  and id <= %(upto)s
  and timestamp >= '1970-01-01Z'
  and timestamp < '9999-01-01Z'
group by 1, 2
