insert into projection_checkpoint (projection, version, active)
select %(projection)s::varchar, %(version)s::integer, true
where not exists (select from projection_checkpoint where projection = %(projection)s)
