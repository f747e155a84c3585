-- Changes name the person; consumers begin anew with the rows as they are now, and forget who is not there.
with behind as (
    update feed_consumer
    set state = 'behind'
)
delete from feed_change
