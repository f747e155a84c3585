insert into log_retraction (import, reason, retracted_by)
values (%(import)s, %(reason)s, %(retracted_by)s)
returning id
