insert into translator (source)
values (%(source)s)
on conflict (source) do nothing
