-- Whether the server counts what functions take; no row where no trigger maintains a projection.
select current_setting('track_functions') from projection_checkpoint where state = %(state)s
