-- By projection, how many lanes: one row stands for a projection that is not split.
select projection, version, count(*)
from projection_lease
where holder = %(holder)s
group by projection, version
