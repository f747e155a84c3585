-- Ranges that overlap one of these, removed; what is left of them is put back by the caller.
delete from retracted_range as stored
using unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) as given (first_position, last_position)
where stored.first_position <= given.last_position
  and stored.last_position >= given.first_position
returning stored.first_position, stored.last_position, stored.retraction
