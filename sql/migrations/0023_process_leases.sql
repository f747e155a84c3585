-- Processes of which a ledger has one at a time, such as the listener of Discord; and why Discord refuses the bot.
-- Cost on a large table: none; the columns are nullable and have no default.
create table process_lease (
    name varchar(63) collate "C" primary key,
    holder uuid not null,
    description text not null,
    backend_pid integer not null,
    acquired_at timestamptz not null,
    renewed_at timestamptz not null,
    expires_at timestamptz not null
) with (fillfactor = 10);
comment on table process_lease is 'which process does what only one may do, and until when';

grant select, insert, update, delete on process_lease to temple_translate;
grant select on process_lease to temple_read;

alter table discord_feed
    add column refused_at timestamptz,
    add column refusal text;
comment on column discord_feed.refused_at is 'since when Discord refuses the bot, for the reason in refusal; null: it does not';
