-- When the weekly message to a channel of Discord was sent last. Cost on a large table: none, it has one row.
alter table discord_feed
    add column week_sent_on date;
comment on column discord_feed.week_sent_on is 'the Monday of the last weekly message';
