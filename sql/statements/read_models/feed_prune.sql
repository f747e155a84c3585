-- What every consumer has, or what is too old: then those who have not read it begin anew.
with aged as (
    select projection, version, lane, max(position) as position
    from feed_change
    where recorded_at < clock_timestamp() - make_interval(secs => %(days)s * 86400)
    group by projection, version, lane
),
behind as (
    update feed_consumer as consumer
    set state = 'behind'
    from aged
    where consumer.projection = aged.projection
      and consumer.version = aged.version
      and consumer.lane = aged.lane
      and consumer.position < aged.position
      and consumer.state <> 'behind'
    returning consumer.projection, consumer.version, consumer.lane, consumer.consumer
),
everybody as (
    select projection, version, lane, min(position) as position
    from feed_consumer as consumer
    where state <> 'behind'
      and not exists (
          select from behind
          where (behind.projection, behind.version, behind.lane, behind.consumer)
              = (consumer.projection, consumer.version, consumer.lane, consumer.consumer)
      )
    group by projection, version, lane
)
delete from feed_change as change
using (
    select projection, version, lane, everybody.position
    from (select distinct projection, version, lane from feed_change) as there
    left join everybody using (projection, version, lane)
) as upto
where change.projection = upto.projection
  and change.version = upto.version
  and change.lane = upto.lane
  -- resets at the very position may not be read yet
  and (upto.position is null or change.position < upto.position)
