select first_position, last_position from retracted_range order by first_position
