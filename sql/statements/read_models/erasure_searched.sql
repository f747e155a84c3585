update erasure
set searched_position = %(position)s
where id = %(erasure)s
