select exists (
    select from inbox
    where source = 'discord'
      and state = 'waiting'
      and id <= %(upto)s
)
