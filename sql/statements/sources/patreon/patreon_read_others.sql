-- Members of the ledger whose tier somebody else appended, or who have no membership.
insert into patreon_candidate (user_id)
select coalesce(person.user_id, status.user_id)
from temple_member_status as status
full join patreon_person as person using (user_id)
where case
    when person.user_id is null then %(whole)s::boolean and status.patreon_tier is not null
    else person.tier is distinct from status.patreon_tier
end
order by 1
