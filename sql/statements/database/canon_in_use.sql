-- A row where a trigger maintains a projection.
select from projection_checkpoint where state = 'trigger'
