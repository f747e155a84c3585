select count(*)
from patreon_person as person
full join temple_member_status as status using (user_id)
where case when person.user_id is null then status.patreon_tier is not null else person.standing <> 'none' end
