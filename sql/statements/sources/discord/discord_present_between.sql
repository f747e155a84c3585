-- Members that are present, by number, after one id and up to another; null: without that bound.
select user_id
from discord_member
where present
  and (%(after)s::text is null or (length(user_id), user_id) > (length(%(after)s::text), %(after)s::text))
  and (%(upto)s::text is null or (length(user_id), user_id) <= (length(%(upto)s::text), %(upto)s::text))
order by length(user_id), user_id
limit %(limit)s
