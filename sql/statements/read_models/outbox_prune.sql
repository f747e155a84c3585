delete from effect_outbox
where state in ('delivered', 'skipped')
  and ended_at < clock_timestamp() - make_interval(secs => %(days)s * 86400)
