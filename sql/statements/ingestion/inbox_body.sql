select body from inbox where id = %(id)s
