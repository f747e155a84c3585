-- Memberships for which something follows from what was read; those of one person stand together.
insert into patreon_candidate (member_id)
select read.member_id
from patreon_read as read
left join patreon_member as known using (member_id)
left join patreon_link as link on link.patreon_id = read.patreon_id
where case
    when known.member_id is null then read.standing <> 'none'
    else read.standing <> known.standing
        or read.tier_id is distinct from known.tier_id
        or (read.discord_said and read.discord_id is distinct from link.discord_id and read.standing <> 'none')
end
order by coalesce(read.discord_id, 'patreon:' || read.patreon_id), read.member_id
