delete from process_lease
where name = %(name)s
  and holder = %(holder)s
