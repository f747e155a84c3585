insert into log_import_range (import, first_position, last_position)
values (%(import)s, %(first)s, %(last)s)
