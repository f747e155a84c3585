insert into ledger_guild (guild_id, since)
values (%(guild_id)s, %(since)s)
on conflict (only_one) do nothing
