-- Of these members, who has an event that is not what was sealed, and the first of them.
select member, log_position from seal_changed_of(%(user_ids)s, %(upto)s)
