update web_session
set rights = %(rights)s
where id = %(id)s
