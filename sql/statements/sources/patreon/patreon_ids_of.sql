-- By which other ids Patreon knows these: as a member of the ledger, as a number, and its memberships.
with given as (
    select unnest(%(ids)s::text[]) as id
),
person as (
    select patreon_id, discord_id
    from patreon_link
    where discord_id in (select id from given)
       or patreon_id in (select id from given)
       or 'patreon:' || patreon_id in (select id from given)
    union
    select metadata ->> 'patreon_user_id', null
    from webhook_audit_log
    where user_id in (select id from given)
      and event_type = 'patreon_membership'
      and metadata ->> 'patreon_user_id' <> ''
    union
    select substr(id, 9), null
    from given
    where id like 'patreon:_%%'
)
select discord_id from person where discord_id is not null
union
select patreon_id from person
union
select 'patreon:' || patreon_id from person
union
select member_id from patreon_member where patreon_id in (select patreon_id from person)
union
select metadata ->> 'patreon_member_id'
from webhook_audit_log
where user_id in (select id from given)
  and event_type = 'patreon_membership'
  and metadata ->> 'patreon_member_id' <> ''
