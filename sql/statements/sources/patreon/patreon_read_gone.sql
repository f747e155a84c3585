-- Memberships that were there, and are not: true only where everybody was read.
insert into patreon_candidate (member_id)
select known.member_id
from patreon_member as known
where not known.deleted
  and known.standing <> 'none'
  and known.changed_at < %(started_at)s
  and (known.campaign_id = any(%(campaigns)s::text[]) or (known.campaign_id is null and %(whole)s::boolean))
  and not exists (select from patreon_read as read where read.member_id = known.member_id)
order by known.member_id
