select member.user_id
from temple_member_status as member
where member.user_id > %(after)s
  and (%(status)s::text is null or member.status = %(status)s)
  and (%(tier)s::text is null or member.patreon_tier = %(tier)s)
  and (
      %(role)s::text is null
      or exists (
          select from discord_user_current_roles as held
          where held.user_id = member.user_id
            and held.role = %(role)s
      )
  )
order by member.user_id
limit %(limit)s
