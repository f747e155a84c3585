-- Members whose ids stand next to this one in the index.
(
    select user_id from temple_member_status
    where user_id < %(user_id)s
    order by user_id desc
    limit %(each_side)s
)
union all
(
    select user_id from temple_member_status
    where user_id > %(user_id)s
    order by user_id
    limit %(each_side)s
)
