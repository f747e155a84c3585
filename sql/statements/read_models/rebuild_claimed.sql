-- Whether the rebuild is still that of this process of the database.
select exists (
    select
    from projection_rebuild
    where projection = %(projection)s
      and version = %(version)s
      and backend_pid = %(claimed_by)s
)
