-- What a source itself counts beside what came of it, whether the bot is still in the guild, and joins sent again.
-- Cost on a large table: none; the columns are nullable and have no default.
alter table snapshot add column counted bigint;
comment on column snapshot.complete is 'the source listed all that it lists; only then is a member who was not listed gone';
comment on column snapshot.counted is 'how many members the source itself counts, about; null: it does not count';

alter table discord_feed
    add column removed_at timestamptz,
    add column unavailable_since timestamptz;
comment on column discord_feed.removed_at is 'since when the bot is not in the guild any more; null: it is';
comment on column discord_feed.unavailable_since is 'since when Discord has an outage of the guild; null: it has none';

alter table discord_role add column deletion_entry varchar(20) collate "C";
comment on column discord_role.deletion_entry is 'the entry of the audit log that says who deleted it; null: none yet';

alter table discord_member add column repeated_join_at timestamptz;
comment on column discord_member.joined_at is
    'when the stay began that goes on, or that ended last; null: not known, or never a member, as a guest is';
comment on column discord_member.repeated_join_at is
    'the later joined_at of a join that Discord sent again within the stay; frames may have either';
