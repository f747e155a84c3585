-- All but the newest snapshots of a source, with their findings.
delete from snapshot
where source = %(source)s
  and id not in (
      select id
      from snapshot
      where source = %(source)s
      order by started_at desc, id
      limit %(kept)s
  )
