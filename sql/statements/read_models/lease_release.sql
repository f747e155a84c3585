delete from projection_lease
where holder = %(holder)s
