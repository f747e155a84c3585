-- The chain and the rows of these seals; no row where all of it holds.
select seal, finding, first_position, last_position from seal_check_chain(%(first)s, %(last)s)
union all
select seal, finding, first_position, last_position from seal_check_rows(%(first)s, %(last)s)
order by first_position, seal
