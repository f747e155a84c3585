-- Where it was switched on and off again without an event in between, the period that was empty begins anew.
insert into trigger_period (after_position)
values (%(position)s)
on conflict (after_position) do update
set upto_position = null
