update trigger_period
set upto_position = %(position)s
where upto_position is null
