-- What belongs to no range: what is left out, journal rows, events that are not sealed yet, triggers.
select seal, finding, first_position, last_position from seal_check_entries()
union all
select seal, finding, first_position, last_position from seal_check_tail()
order by first_position, finding
