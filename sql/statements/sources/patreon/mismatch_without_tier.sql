-- Who pays, as the log says, for no tier that Patreon lists: one that was deleted, or none at all.
select
    person.user_id,
    person.tier,
    max(member.entitled_cents) as amount_cents,
    bool_or(member.tier_deleted) as tier_deleted
from patreon_person as person
join patreon_link as link on link.discord_id = person.user_id
join patreon_member as member
    on member.patreon_id = link.patreon_id
    and member.standing = 'paying'
    and member.tier_id is not distinct from person.tier_id
where person.standing = 'paying'
  and (member.tier_deleted or person.tier_id is null)
group by person.user_id, person.tier
order by person.user_id
